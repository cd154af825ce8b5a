// Tokens as a person can read them.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const SHOWN: Readonly<Record<string, string>> = { ' ': '·', '\n': '¶', '\t': '»', '\r': '¬' };

/** A token's text, with what cannot be seen made visible; the bytes in hexadecimal of one that is half a character. */
export function shownToken(bytes: Uint8Array): string {
  try {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what cannot be seen
    return strict.decode(bytes).replace(/[ \u0000-\u001f\u007f-\u009f]/g, (c) => SHOWN[c] ?? '¤');
  } catch {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  }
}

/** The same of a byte string: one character, U+0000 to U+00FF, per byte. */
export function shownBytes(byteString: string): string {
  return shownToken(Uint8Array.from(byteString, (byte) => byte.charCodeAt(0)));
}
