import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { decodeText, split } from '../../src/text/corpus.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('decodeText', () => {
  it('gives back any well-formed text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        expect(decodeText(utf8(text), 'a.txt')).toBe(text);
      }),
    );
  });

  it('drops a byte order mark', () => {
    expect(decodeText(utf8('\ufeffhi'), 'a.txt')).toBe('hi');
  });

  it.each([
    ['a continuation byte alone', [0x80], 0],
    ['Latin-1', [0x63, 0x61, 0x66, 0xe9, 0x0a], 3],
    ['UTF-16 with its mark', [0xff, 0xfe, 0x68, 0x00], 0],
    ['an overlong slash', [0x61, 0xc0, 0xaf], 1],
    ['an overlong three-byte form', [0xe0, 0x80, 0xaf], 0],
    ['an overlong four-byte form', [0xf0, 0x80, 0x80, 0xaf], 0],
    ['a surrogate', [0x61, 0x62, 0xed, 0xa0, 0x80], 2],
    ['a code point over U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 0],
    ['a lead byte that never occurs', [0xf5, 0x80, 0x80, 0x80], 0],
    ['a character cut off at the end', [...utf8('aé\u{1f600}')].slice(0, -1), 3],
    ['a bad byte behind all kinds of good ones', [...utf8('aéक\u{10ffff}\ud7ff'), 0xfe], 13],
  ])('%s: the error gives the offset', (_, bytes, offset) => {
    const decode = () => decodeText(new Uint8Array(bytes), 'notes.txt');
    expect(decode).toThrow(DataError);
    expect(decode).toThrow(
      `notes.txt: not UTF-8: byte 0x${bytes[offset]!.toString(16)} at offset ${offset} `,
    );
  });

  it('everything before the offset that it names is well-formed, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        try {
          decodeText(bytes, 'x');
        } catch (error) {
          const offset = Number(/at offset (\d+)/.exec((error as Error).message)?.[1] ?? 0);
          const before = () =>
            new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, offset));
          expect(before).not.toThrow();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([[[]], [[0xef, 0xbb, 0xbf]]])('refuses a file without text: %j', (bytes) => {
    expect(() => decodeText(new Uint8Array(bytes), 'empty.txt')).toThrow(
      'empty.txt: the file is empty',
    );
  });
});

describe('split', () => {
  const tokens = Int32Array.from({ length: 100 }, (_, i) => i);

  it('keeps the last tenth for validation, and loses no token', () => {
    const { train, validation } = split(tokens, { context: 8 });
    expect([...train, ...validation]).toEqual([...tokens]);
    expect(validation).toHaveLength(10);
  });

  it('cuts Shakespeare as nanoGPT does: 1,003,854 and 111,540', () => {
    const { train, validation } = split(new Int32Array(1_115_394), { context: 256 });
    expect(train).toHaveLength(1_003_854);
    expect(validation).toHaveLength(111_540);
  });

  it('refuses a text shorter than one context, and gives both lengths', () => {
    expect(() => split(tokens, { context: 100 })).toThrow(DataError);
    expect(() => split(tokens, { context: 100 })).toThrow(
      'the text has 100 tokens, and one context of 100 needs 101',
    );
  });

  it('refuses a part shorter than one context', () => {
    expect(() => split(tokens, { context: 10 })).toThrow('the validation part has 10 tokens');
    expect(() => split(tokens, { context: 20, validation: 0.9 })).toThrow(
      'the training part has 10 tokens',
    );
    expect(() => split(tokens, { context: 9 })).not.toThrow();
  });

  it.each([0, 1, -0.1, 1.5, Number.NaN])('refuses validation = %s', (validation) => {
    expect(() => split(tokens, { context: 8, validation })).toThrow(ConfigError);
  });

  it.each([0, -1, 2.5, Number.NaN])('refuses context = %s', (context) => {
    expect(() => split(tokens, { context })).toThrow(ConfigError);
  });
});
