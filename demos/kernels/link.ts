// An edited kernel in the page's address: its text, deflated, as base64url.

/** Characters: a longer address is cut off by some programs. */
export const MOST_CHARACTERS = 8192;
/** Of a kernel, in bytes and lines: the package's longest has a third of them. A small link could hold gigabytes. */
const LONGEST_TEXT = 64 * 1024;
const MOST_LINES = 1500;

/** What a text has too much of, in words; null where it is taken. */
export function excessOf(text: string): string | null {
  if (text.length > LONGEST_TEXT) return `over ${LONGEST_TEXT / 1024} KB`;
  return text.split('\n').length > MOST_LINES ? `over ${MOST_LINES} lines` : null;
}

/** Null where it does not fit. */
export async function packText(text: string): Promise<string | null> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if ((4 / 3) * bytes.length > MOST_CHARACTERS) return null;
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @throws Error for what `packText` has not made */
export async function unpackText(packed: string): Promise<string> {
  const binary = atob(packed.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > LONGEST_TEXT) {
      await reader.cancel();
      throw new Error(`its text has over ${LONGEST_TEXT / 1024} KB`);
    }
    chunks.push(value as Uint8Array<ArrayBuffer>);
  }
  const text = await new Blob(chunks).text();
  const excess = excessOf(text);
  if (excess) throw new Error(`its text has ${excess}`);
  return text;
}
