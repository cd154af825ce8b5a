// How a text is cut into pieces before BPE. No merge crosses from one piece into the next, so that `dog`, `dog.` and
// `dog!` share a token, and so that the work grows with the length of pieces and not of texts.
//
// The patterns are those of the published tokenizers, written for JavaScript: it has neither possessive quantifiers, which
// change nothing here but speed, nor `(?i:…)` in all browsers. Contractions are ASCII's, as in the other JavaScript
// tokenizers; Rust's also take the long s, U+017F.

import { DataError } from '../errors.ts';

const CONTRACTION = `'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])`;
const UPPER = String.raw`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`;
const LOWER = String.raw`\p{Ll}\p{Lm}\p{Lo}\p{M}`;

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
// A digit stands alone, and white space in front of one is whole, as at the end of the text.
const SMOLLM = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+`;
const CL100K = String.raw`${CONTRACTION}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s`;
const O200K =
  String.raw`[^\r\n\p{L}\p{N}]?[${UPPER}]*[${LOWER}]+(?:${CONTRACTION})?|` +
  String.raw`[^\r\n\p{L}\p{N}]?[${UPPER}]+[${LOWER}]*(?:${CONTRACTION})?|` +
  String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const LLAMA3 = String.raw`${CONTRACTION}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/**
 * The patterns by name. Every one matches at each position of any text, so the pieces, joined, are the text.
 *
 * White space is JavaScript's `\s` in the first three, as in `gpt-tokenizer`, and Unicode's in those of tokenizer.json
 * files: U+0085 is in the latter only, U+FEFF in the former only.
 */
const SOURCES = {
  /** GPT-2 and all tokenizer.json files whose ByteLevel step uses its own pattern. */
  gpt2: GPT2,
  /** GPT-4. */
  cl100k: CL100K,
  /** GPT-4o. */
  o200k: O200K,
  /** Llama 3: nearly GPT-4's. */
  llama3: unicodeSpace(LLAMA3),
  /** Qwen 2 and 3: Llama 3's with every digit by itself. */
  qwen2: unicodeSpace(LLAMA3.replace('{1,3}', '')),
  /** GPT-4o's as tokenizer.json files have it. */
  gpt4o: unicodeSpace(O200K),
  /** SmolLM: GPT-2's with every digit by itself. */
  smollm: SMOLLM,
  /** No cuts: a text is one piece. */
  none: null,
} as const;

export type SplitPattern = keyof typeof SOURCES;

export const SPLIT_PATTERNS = Object.keys(SOURCES) as readonly SplitPattern[];

function unicodeSpace(source: string): string {
  return source.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}');
}

/** The regular expression of a pattern, for JavaScript with the flag `u`; null for 'none'. */
export function patternSource(pattern: SplitPattern): string | null {
  return SOURCES[pattern];
}

/** Cuts a text; calls `visit` with each piece, in order. */
export type Splitter = (text: string, visit: (piece: string) => void) => void;

/** @throws DataError, when it is called, for a run of some million letters without a break. */
export function splitter(pattern: SplitPattern): Splitter {
  const source = SOURCES[pattern];
  if (source === null) return (text, visit) => text !== '' && visit(text);
  const regex = new RegExp(source, 'uy');
  return (text, visit) => {
    for (let at = 0; at < text.length; ) {
      regex.lastIndex = at;
      matchOnce(regex, text, at);
      visit(text.slice(at, regex.lastIndex));
      at = regex.lastIndex;
    }
  };
}

function matchOnce(regex: RegExp, text: string, at: number): void {
  try {
    if (regex.test(text)) return;
  } catch (cause) {
    throw new DataError(
      `split: what begins at character ${at} is millions of characters without a break; break it up`,
      { cause },
    );
  }
  throw new DataError(`split: no piece begins at character ${at}`); // a defect of the pattern
}
