// Bytes as strings with one character, U+0000 to U+00FF, per byte: keys of maps, and cheap to join and to cut.

const encoder = new TextEncoder();

/** The UTF-8 of a text. Half of a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD. */
export function utf8(text: string): string {
  return byteString(encoder.encode(text));
}

const CHUNK = 1 << 13; // as many arguments as a call may have anywhere

export function byteString(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK) return String.fromCharCode(...bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return text;
}

export function bytesOf(byteString: string): Uint8Array {
  const bytes = new Uint8Array(byteString.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = byteString.charCodeAt(i);
  return bytes;
}

// In tokenizer.json every byte is a character that can be seen (as in GPT-2): itself where Latin-1 has one, else the next
// free one from U+0100 on; the space is `Ġ`, the line feed `Ċ`.
const visible = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
const ALPHABET: readonly string[] = (() => {
  let free = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(visible(byte) ? byte : free++),
  );
})();
const BYTE_OF = new Map(ALPHABET.map((character, byte) => [character, String.fromCharCode(byte)]));

/** A byte string as tokenizer.json writes it. */
export function toAlphabet(byteString: string): string {
  return Array.from(byteString, (byte) => ALPHABET[byte.charCodeAt(0)]!).join('');
}

/** The byte string of what `toAlphabet` wrote; null for characters that stand for no byte. */
export function fromAlphabet(text: string): string | null {
  let bytes = '';
  for (const character of text) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return null;
    bytes += byte;
  }
  return bytes;
}
