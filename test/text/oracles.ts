// The tokenizers of others, and ours made from the same files.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as cl100k from 'gpt-tokenizer/encoding/cl100k_base';
import * as o200k from 'gpt-tokenizer/encoding/o200k_base';
import * as r50k from 'gpt-tokenizer/encoding/r50k_base';
import type { BpeTokenizer } from '../../src/text/bpe.ts';
import type { SplitPattern } from '../../src/text/split_patterns.ts';
import { parseTiktokenRanks } from '../../src/text/tiktoken_ranks.ts';

const require = createRequire(import.meta.url);

interface Published {
  readonly pattern: SplitPattern;
  readonly specials: Readonly<Record<string, number>>;
  readonly oracle: typeof r50k;
}

export const PUBLISHED: Readonly<Record<'r50k' | 'cl100k' | 'o200k', Published>> = {
  r50k: { pattern: 'gpt2', specials: { '<|endoftext|>': 50256 }, oracle: r50k },
  cl100k: {
    pattern: 'cl100k',
    specials: { '<|endoftext|>': 100257, '<|fim_prefix|>': 100258, '<|endofprompt|>': 100276 },
    oracle: cl100k as typeof r50k,
  },
  o200k: {
    pattern: 'o200k',
    specials: { '<|endoftext|>': 199999 },
    oracle: o200k as typeof r50k,
  },
};

export function rankFile(name: keyof typeof PUBLISHED): string {
  return readFileSync(require.resolve(`gpt-tokenizer/data/${name}_base.tiktoken`), 'utf8');
}

/** Ours, from tiktoken's rank file. */
export function published(name: keyof typeof PUBLISHED): BpeTokenizer {
  const { pattern, specials } = PUBLISHED[name];
  return parseTiktokenRanks(rankFile(name), { pattern, specials, what: name });
}

/** Ids by gpt-tokenizer, special tokens taken as text. */
export function gptTokenizerIds(name: keyof typeof PUBLISHED, text: string): number[] {
  return PUBLISHED[name].oracle.encode(text, { disallowedSpecial: new Set<string>() });
}

/** Ids by Hugging Face's reader of a tokenizer.json. */
export function huggingFace(json: object): (text: string) => number[] {
  const tokenizer = new HuggingFaceTokenizer(json, {});
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}
