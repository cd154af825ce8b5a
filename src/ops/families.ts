// The families whose variants the tuner chooses from.

import { attentionFamily } from './attention.ts';
import { MATMUL, MATMUL_SPLIT } from './multiply.ts';
import type { Family } from './variants.ts';

export const FAMILIES: readonly Family<string>[] = [MATMUL, MATMUL_SPLIT, attentionFamily];
