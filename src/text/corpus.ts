// From the bytes of a text file to the tokens of a training and a validation part.

import { ConfigError, DataError } from '../errors.ts';

/**
 * The text of a UTF-8 file; a byte order mark is dropped. `name` appears in errors.
 * @throws DataError for an empty file, and for bytes that are not UTF-8, with the offset of the first of them.
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const offset = firstInvalidByte(bytes);
    const value = bytes[offset]?.toString(16).padStart(2, '0');
    throw new DataError(
      `${name}: not UTF-8: byte 0x${value} at offset ${offset} begins no character; convert the file to UTF-8`,
      { cause },
    );
  }
  if (text === '') throw new DataError(`${name}: the file is empty; expected text`);
  return text;
}

/** Offset of the first byte that begins no well-formed character (Unicode 16, table 3-7), or the length. */
function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/** Bytes of the character at `at`; 0 if there is none. */
function characterLength(bytes: Uint8Array, at: number): 0 | 1 | 2 | 3 | 4 {
  const lead = bytes[at]!;
  const follows = (offset: number, low = 0x80, high = 0xbf) => {
    const byte = bytes[at + offset];
    return byte !== undefined && byte >= low && byte <= high;
  };
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    // Neither overlong forms nor surrogates.
    const second = follows(1, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    // Neither overlong forms nor code points over U+10FFFF.
    const second = follows(1, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/**
 * Cuts a text into a training part and, after it, a validation part: by its length, whatever its tokens will be, so that
 * models with different ones are told by the same text. No character is cut in two.
 * @param validation the part, at the end, that is kept for validation; 0.1 as in nanoGPT's character data
 */
export function splitText(text: string, validation = 0.1): { train: string; validation: string } {
  if (!(validation > 0 && validation < 1)) {
    throw new ConfigError(
      `splitText: validation is ${validation}; expected a part between 0 and 1, such as 0.1`,
    );
  }
  let cut = text.length - Math.ceil(text.length * validation);
  if (cut > 0 && text.codePointAt(cut - 1)! > 0xffff) cut--;
  return { train: text.slice(0, cut), validation: text.slice(cut) };
}

/** @throws DataError unless `tokens` of them hold one window of `context` inputs and the target after the last of them. */
export function requireContext(tokens: number, context: number, part: string): void {
  requireCount(context, 'context');
  if (tokens > context) return;
  throw new DataError(
    `corpus: ${part} has ${tokens} tokens, and one context of ${context} needs ${context + 1} ` +
      '(its inputs and one more target); use a longer text or a shorter context',
  );
}

/** @throws ConfigError unless `value` is a positive integer. */
export function requireCount(value: number, name: string): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new ConfigError(`corpus: ${name} is ${value}; expected a positive integer`);
}
