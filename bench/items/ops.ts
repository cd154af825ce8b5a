// Items of single ops, without the models that are made of them.

import type { Item } from '../item.ts';
import { adamwItems } from './adamw.ts';
import { attentionItems } from './attention.ts';
import { convolutionItems } from './convolution.ts';
import { embeddingItems, segmentSumItems } from './embedding.ts';
import { halfMatmulItems, matmulItems } from './matmul.ts';
import { packedItems } from './packed.ts';
import { gaeItems, ppoItems } from './rl.ts';
import { crossEntropyItems, normItems, softmaxItems } from './rows.ts';

/** Those that the peers run, too. */
export const sharedOpItems: readonly Item[] = [
  ...matmulItems,
  ...softmaxItems,
  ...normItems,
  ...crossEntropyItems,
  ...attentionItems,
  ...embeddingItems,
  ...adamwItems,
  ...gaeItems,
  ...ppoItems,
];

/** Those that only we can run. */
export const ownOpItems: readonly Item[] = [
  ...halfMatmulItems,
  ...convolutionItems,
  ...segmentSumItems,
  ...packedItems,
];
