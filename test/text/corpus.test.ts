import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { decodeText, requireContext, splitText } from '../../src/text/corpus.ts';

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

describe('splitText', () => {
  it('keeps the last tenth for validation, and loses no character', () => {
    const text = Array.from({ length: 100 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    const { train, validation } = splitText(text);
    expect(train + validation).toBe(text);
    expect(validation).toHaveLength(10);
  });

  it('cuts Shakespeare as nanoGPT does: 1,003,854 and 111,540', () => {
    const { train, validation } = splitText('x'.repeat(1_115_394));
    expect(train).toHaveLength(1_003_854);
    expect(validation).toHaveLength(111_540);
  });

  it('cuts no character in two', () => {
    expect(splitText('ab\u{1f600}c', 0.4)).toEqual({ train: 'ab', validation: '\u{1f600}c' });
    expect(splitText('ab\u{1f600}', 0.25)).toEqual({ train: 'ab', validation: '\u{1f600}' });
  });

  it.each([0, 1, -0.1, 1.5, Number.NaN])('refuses validation = %s', (validation) => {
    expect(() => splitText('any text', validation)).toThrow(ConfigError);
  });
});

describe('requireContext', () => {
  it('refuses what is shorter than one context and its last target, and gives both lengths', () => {
    expect(() => requireContext(101, 100, 'the text')).not.toThrow();
    expect(() => requireContext(100, 100, 'the text')).toThrow(DataError);
    expect(() => requireContext(100, 100, 'the text')).toThrow(
      'the text has 100 tokens, and one context of 100 needs 101',
    );
  });

  it.each([0, -1, 2.5, Number.NaN])('refuses context = %s', (context) => {
    expect(() => requireContext(100, context, 'the text')).toThrow(ConfigError);
  });
});
