// Reads tiktoken's rank files: a token a line, its bytes in base64 and its rank, which is its id. Two neighbours are joined
// when their bytes together are a token, the one of the lowest rank first.

import { DataError } from '../errors.ts';
import { quoted } from '../io/json.ts';
import type { AddedToken } from './added_tokens.ts';
import { type BpeTokenizer, bpeTokenizer } from './bpe.ts';
import type { SplitPattern } from './split_patterns.ts';

export interface TiktokenOptions {
  /** The file does not say: gpt2 for r50k_base and p50k_base, cl100k for cl100k_base, o200k for o200k_base. */
  readonly pattern: SplitPattern;
  /** Nor does it hold these: `{ '<|endoftext|>': 100257 }`. */
  readonly specials?: Readonly<Record<string, number>>;
  /** Names the file in errors; 'ranks'. */
  readonly what?: string;
}

const MAX_CHARACTERS = 64 << 20;
const MAX_TOKENS = 1_000_000;
const MAX_TOKEN_BYTES = 512; // every cut of a token is looked up
const LINE = /^([A-Za-z0-9+/]+={0,2}) (0|[1-9]\d{0,6})$/;

/**
 * @param text the file, such as cl100k_base.tiktoken
 * @throws DataError with the number of the line for what is malformed
 */
export function parseTiktokenRanks(
  text: string,
  { pattern, specials = {}, what = 'ranks' }: TiktokenOptions,
): BpeTokenizer {
  const added = Object.entries(specials).map(([text, id]) => ({ text, id, special: true }));
  const tokens = readRanks(text, what);
  requireDense(tokens, added, what);
  return bpeTokenizer({ tokens, merges: allMerges(tokens), pattern, added, wholePieces: true });
}

/** Byte strings by rank; '' where there is none. */
function readRanks(text: string, what: string): string[] {
  if (text.length > MAX_CHARACTERS) {
    throw new DataError(`${what}: ${text.length} characters; at most ${MAX_CHARACTERS} are read`);
  }
  const tokens: string[] = [];
  const seen = new Set<string>();
  text.split('\n').forEach((line, i) => {
    if (line === '') return;
    const fail = (reason: string) => new DataError(`${what}: line ${i + 1}: ${reason}`);
    const [, base64, digits] = LINE.exec(line) ?? [];
    const rank = Number(digits);
    const token = base64 === undefined ? null : fromBase64(base64);
    if (token === null) throw fail(`expected a token in base64 and its rank, got ${quoted(line)}`);
    if (token.length > MAX_TOKEN_BYTES)
      throw fail(`${token.length} bytes; at most ${MAX_TOKEN_BYTES} are read`);
    if (rank >= MAX_TOKENS) throw fail(`rank ${rank}; at most ${MAX_TOKENS - 1} is read`);
    if (seen.has(token)) throw fail(`the token ${base64} is there twice`);
    if (tokens[rank]) throw fail(`rank ${rank} is given twice`);
    seen.add(token);
    while (tokens.length < rank) tokens.push('');
    tokens[rank] = token;
  });
  return tokens;
}

function fromBase64(text: string): string | null {
  try {
    return atob(text);
  } catch {
    return null;
  }
}

/** Ids below the highest rank must be ranks or special; above it, special tokens may leave gaps, as GPT-4's do. */
function requireDense(tokens: readonly string[], added: readonly AddedToken[], what: string): void {
  const specialAt = new Map(added.map(({ id, text }) => [id, text]));
  if (specialAt.size < added.length) throw new DataError(`${what}: two special tokens have one id`);
  for (const { id, text } of added) {
    if (Number.isInteger(id) && id >= 0 && id < MAX_TOKENS && !tokens[id] && text !== '') continue;
    throw new DataError(
      `${what}: the special token ${quoted(text)} cannot have the id ${id}: it is taken, or not one of 0 to ${MAX_TOKENS - 1}`,
    );
  }
  const missing = tokens.findIndex((token, id) => token === '' && !specialAt.has(id));
  if (missing !== -1) {
    throw new DataError(
      `${what}: no token has the rank ${missing}, and the highest is ${tokens.length - 1}`,
    );
  }
}

/** Every cut of every token into two tokens. All merges that give one token have its rank. */
function allMerges(tokens: readonly string[]): Int32Array {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const merges: number[] = []; // MERGE_FIELDS each
  tokens.forEach((token, id) => {
    for (let cut = 1; cut < token.length; cut++) {
      const left = idOf.get(token.slice(0, cut));
      const right = left === undefined ? undefined : idOf.get(token.slice(cut));
      if (right !== undefined) merges.push(left!, right, id, id);
    }
  });
  return Int32Array.from(merges);
}
