// All items, by family; `shadegrad bench <family>` runs one of them.

import type { Item } from '../item.ts';
import { adamwItems } from './adamw.ts';
import { attentionItems } from './attention.ts';
import { convolutionItems } from './convolution.ts';
import { embeddingItems, segmentSumItems } from './embedding.ts';
import { generationItems } from './generation.ts';
import { halfMatmulItems, matmulItems } from './matmul.ts';
import { packedItems } from './packed.ts';
import { gaeItems, ppoItems } from './rl.ts';
import { crossEntropyItems, normItems, softmaxItems } from './rows.ts';
import { trainingItems } from './training.ts';

/** Those that the peers run, too. */
export const items: readonly Item[] = [
  ...matmulItems,
  ...softmaxItems,
  ...normItems,
  ...crossEntropyItems,
  ...attentionItems,
  ...embeddingItems,
  ...adamwItems,
  ...gaeItems,
  ...ppoItems,
  ...trainingItems,
  ...generationItems,
];

/** With those that only we can run. */
export const allItems: readonly Item[] = [
  ...items,
  ...halfMatmulItems,
  ...convolutionItems,
  ...segmentSumItems,
  ...packedItems,
];

export const families: readonly string[] = [...new Set(allItems.map(({ family }) => family))];
