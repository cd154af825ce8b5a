// What every tokenizer can do, and text from ids as they come, one by one.

export interface EncodeOptions {
  /**
   * What becomes of a special token's text, such as `<|endoftext|>`, where it stands in the text:
   * 'refuse' throws (the default: text from outside must not be able to end a document or to change a speaker),
   * 'allow' gives the token's id, 'text' encodes it like any other text. A list allows those in it and refuses the rest.
   */
  readonly specials?: 'refuse' | 'allow' | 'text' | readonly string[];
}

/** The special token that ends a document, in GPT-2's vocabulary and in those that are trained here. */
export const END_OF_TEXT = '<|endoftext|>';

export interface Tokenizer {
  /** Ids run from 0 to vocabularySize - 1. */
  readonly vocabularySize: number;
  /** Tokens that are no part of the text, such as the end of a document, and their ids. */
  readonly specials: ReadonlyMap<string, number>;
  /** @throws DataError for a text that has no ids. */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** Bytes that no UTF-8 can hold become U+FFFD. @throws DataError for an id out of range. */
  decode(ids: ArrayLike<number>): string;
  /** The UTF-8 of one token, which may begin or end inside a character. @throws DataError for an id out of range. */
  bytesOf(id: number): Uint8Array;
  /** All that is needed to make the tokenizer again, with `readTokenizer`. */
  toJSON(): unknown;
}

export interface DecodeStream {
  /** The text that is complete with this id: '' while a character still lacks bytes. */
  push(id: number): string;
  /** What is left at the end: '' or, for a character that was never completed, U+FFFD. */
  end(): string;
}

/** Decodes ids one by one; it never gives half a character, and all it gives, joined, is `tokenizer.decode` of the ids. */
export function decodeStream(tokenizer: Tokenizer): DecodeStream {
  const decoder = utf8Decoder();
  return {
    push: (id) => decoder.decode(tokenizer.bytesOf(id), { stream: true }),
    end: () => decoder.decode(),
  };
}

/** By itself a decoder drops U+FEFF from the beginning, which would then not come back. */
export function utf8Decoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
