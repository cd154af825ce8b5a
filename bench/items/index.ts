// All items, by family; `shadegrad bench <family>` runs one of them.

import type { Item } from '../item.ts';
import { generationItems } from './generation.ts';
import { ownOpItems, sharedOpItems } from './ops.ts';
import { trainingItems } from './training.ts';

/** Those that the peers run, too. */
export const items: readonly Item[] = [...sharedOpItems, ...trainingItems, ...generationItems];

/** With those that only we can run. */
export const allItems: readonly Item[] = [...items, ...ownOpItems];

export const families: readonly string[] = [...new Set(allItems.map(({ family }) => family))];
