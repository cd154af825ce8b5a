// Shapes for the tuner. A class covers sizes within a factor of two, so few items cover what models meet.

import type { Item } from '../item.ts';
import { attentionItem } from './attention.ts';
import { product } from './matmul.ts';

/** A linear layer of `from` to `to` over M rows: its product, and the two of its gradient. */
function layer(M: number, from: number, to: number): Item[] {
  return [product('NT', [M, from, to]), product('NN', [M, to, from]), product('TN', [to, M, from])];
}

/** The layers of a transformer of this width over M tokens: queries, keys and values; output; the two of the MLP. */
const transformer = (M: number, width: number): Item[] => [
  ...layer(M, width, 3 * width),
  ...layer(M, width, width),
  ...layer(M, width, 4 * width),
  ...layer(M, 4 * width, width),
];

/** Generation: one token of up to eight sequences at a time. */
const decoding = (width: number): Item[] => [
  product('NT', [1, width, 4 * width]),
  product('NT', [8, width, 4 * width]),
];

/** What the presets of `shadegrad train` meet on CPUs, and a large square for the larger tiles. */
export const quickTuningItems: readonly Item[] = [
  ...transformer(512, 64),
  ...transformer(768, 128),
  ...decoding(128),
  product('NN', [512, 512, 512]),
  product('NN', [64, 64, 64], { batch: 64 }),
  attentionItem(64, true),
  attentionItem(256, true, { B: 1 }),
];

/** And models of the sizes of GPT-2. */
export const tuningItems: readonly Item[] = [
  ...quickTuningItems,
  ...transformer(2048, 384),
  ...transformer(2048, 768),
  ...decoding(768),
  product('NN', [1024, 1024, 1024]),
  product('NN', [2048, 2048, 2048]),
  attentionItem(1024, true, { B: 1, D: 64 }),
  attentionItem(2048, true, { B: 1, D: 64 }),
];
