// The byte-level BPE tokenizer: a text is cut into pieces, each piece's UTF-8 bytes are the first tokens, and merges join
// them by rank (Sennrich et al. 2016, on bytes as in GPT-2). Any text has ids, and its ids give it back.

import { DataError } from '../errors.ts';
import { type AddedToken, addedTokenFinder } from './added_tokens.ts';
import { Merger } from './bpe_merge.ts';
import { byteString, bytesOf, utf8 } from './byte_strings.ts';
import { type SplitPattern, splitter } from './split_patterns.ts';
import { type EncodeOptions, type Tokenizer, utf8Decoder } from './tokenizer.ts';
import { writeTokenizerJson } from './tokenizer_json_writer.ts';

/** What a BPE tokenizer is made of; trained, or read from a file. */
export interface BpeModel {
  /** The bytes of each token, by id, one character (U+0000 to U+00FF) a byte; '' for an id that only `added` has, or none. */
  readonly tokens: readonly string[];
  /** [merges, 4]: the ids of the left, the right and the joined token, and the rank; sorted by rank. No pair occurs twice. */
  readonly merges: Int32Array;
  /** No merge crosses from one piece into the next. */
  readonly pattern: SplitPattern;
  readonly added: readonly AddedToken[];
  /** A piece that is a token is that token, whether merges lead to it or not (tiktoken, Llama 3). Default false. */
  readonly wholePieces?: boolean;
  /** Unicode's normal form C comes first (Qwen). Default false. */
  readonly nfc?: boolean;
  /** Ids around every text, as a model was trained with; `encode` adds them on demand. */
  readonly frame?: { readonly before: readonly number[]; readonly after: readonly number[] };
}

export interface BpeEncodeOptions extends EncodeOptions {
  /** Puts the ids of the model's frame (its begin or end of text) around the text. Default false. */
  readonly frame?: boolean;
}

export interface BpeTokenizer extends Tokenizer {
  readonly model: BpeModel;
  encode(text: string, options?: BpeEncodeOptions): Int32Array;
  /** A `tokenizer.json` of Hugging Face. @throws DataError where an id has no token. */
  toJSON(): ReturnType<typeof writeTokenizerJson>;
}

// Pieces whose ids are kept, by number and length.
const KEPT_PIECES = 1 << 17;
const KEPT_LENGTH = 64;

export function bpeTokenizer(model: BpeModel): BpeTokenizer {
  const byteStrings = tokensById(model);
  const specials = new Map(
    model.added.filter(({ special }) => special).map(({ text, id }) => [text, id]),
  );
  const encodePiece = pieceEncoder(model);
  const split = splitter(model.pattern);
  const findAll = addedTokenFinder(model.added);
  const findPlain = addedTokenFinder(model.added.filter(({ special }) => !special));
  const { before = [], after = [] } = model.frame ?? {};

  const byteStringOf = (id: number, position: number): string => {
    const bytes = byteStrings[id];
    if (bytes) return bytes;
    throw new DataError(
      `decode: id ${id} at position ${position} is not the id of a token; they are 0 to ${byteStrings.length - 1}`,
    );
  };

  return {
    model,
    vocabularySize: byteStrings.length,
    specials,
    encode(text, { specials: policy = 'refuse', frame = false } = {}) {
      const ids = new GrowingIds(text.length);
      if (frame) for (const id of before) ids.push(id);
      const encodeText = (part: string) =>
        split(model.nfc ? part.normalize('NFC') : part, (piece) => {
          const pieceIds = encodePiece(piece);
          if (typeof pieceIds === 'number') ids.push(pieceIds);
          else for (const id of pieceIds) ids.push(id);
        });
      let done = 0;
      for (const { token, at } of (policy === 'text' ? findPlain : findAll)(text)) {
        if (token.special && !allows(policy, token.text)) throw refused(token.text, at);
        encodeText(text.slice(done, at));
        ids.push(token.id);
        done = at + token.text.length;
      }
      encodeText(done === 0 ? text : text.slice(done));
      if (frame) for (const id of after) ids.push(id);
      return ids.done();
    },
    decode(ids) {
      let length = 0;
      for (let i = 0; i < ids.length; i++) length += byteStringOf(ids[i]!, i).length;
      const bytes = new Uint8Array(length);
      let at = 0;
      for (let i = 0; i < ids.length; i++) {
        const token = byteStrings[ids[i]!]!;
        for (let j = 0; j < token.length; j++) bytes[at++] = token.charCodeAt(j);
      }
      return utf8Decoder().decode(bytes);
    },
    bytesOf: (id) => bytesOf(byteStringOf(id, 0)),
    toJSON: () => writeTokenizerJson(model),
  };
}

function tokensById({ tokens, added }: BpeModel): string[] {
  const length = added.reduce((most, { id }) => Math.max(most, id + 1), tokens.length);
  const byId = Array.from({ length }, (_, id) => tokens[id] ?? '');
  for (const { text, id } of added) byId[id] = utf8(text);
  return byId;
}

/** The ids of a piece; a number where there is one. */
type PieceIds = number | readonly number[];

/** Gives the ids of pieces; those of short ones are kept. */
function pieceEncoder({ tokens, merges, wholePieces = false }: BpeModel) {
  const merger = new Merger(merges);
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const idOfByte = Int32Array.from({ length: 256 }, (_, byte) => {
    return idOf.get(String.fromCharCode(byte)) ?? -1;
  });
  const encoder = new TextEncoder();
  const kept = new Map<string, PieceIds>();

  const encode = (piece: string): PieceIds => {
    const bytes = encoder.encode(piece);
    if (wholePieces) {
      const isAscii = bytes.length === piece.length;
      const whole = idOf.get(isAscii ? piece : byteString(bytes));
      if (whole !== undefined) return whole;
    }
    const ids = new Int32Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) ids[i] = idOfByte[bytes[i]!]!;
    const missing = ids.indexOf(-1);
    if (missing !== -1) throw missingByte(bytes[missing]!, piece);
    const length = merger.merge(ids, ids.length);
    return length === 1 ? ids[0]! : Array.from(ids.subarray(0, length));
  };

  return (piece: string): PieceIds => {
    if (piece.length > KEPT_LENGTH) return encode(piece);
    let ids = kept.get(piece);
    if (ids === undefined) {
      ids = encode(piece);
      if (kept.size >= KEPT_PIECES) kept.clear();
      const key = copyOf(piece);
      if (key !== null) kept.set(key, ids);
    }
    return ids;
  };
}

/**
 * The same string in memory of its own, or null. In V8 a slice of more than 12 characters refers to the text that it was
 * cut from: as a key it would keep all of that text alive. Long pieces beyond ASCII hardly ever come again.
 */
function copyOf(piece: string): string | null {
  if (piece.length <= 12) return piece;
  const bytes = utf8(piece);
  return bytes.length === piece.length ? bytes : null;
}

function missingByte(byte: number, piece: string): DataError {
  const hex = byte.toString(16).padStart(2, '0');
  return new DataError(
    `encode: no token for byte 0x${hex} of ${JSON.stringify(piece.slice(0, 40))}`,
  );
}

class GrowingIds {
  #ids: Int32Array;
  #length = 0;

  constructor(characters: number) {
    this.#ids = new Int32Array((characters >> 1) + 16);
  }

  push(id: number): void {
    if (this.#length === this.#ids.length) this.#grow();
    this.#ids[this.#length++] = id;
  }

  #grow(): void {
    const grown = new Int32Array(2 * this.#length);
    grown.set(this.#ids);
    this.#ids = grown;
  }

  done(): Int32Array {
    return this.#ids.slice(0, this.#length);
  }
}

function allows(policy: EncodeOptions['specials'], text: string): boolean {
  return policy === 'allow' || (Array.isArray(policy) && policy.includes(text));
}

function refused(text: string, at: number): DataError {
  return new DataError(
    `encode: the text holds the special token ${JSON.stringify(text)} at character ${at}; ` +
      "with specials: 'allow' it becomes the token's id, with 'text' it is encoded like any other text",
  );
}
