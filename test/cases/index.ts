// All cases by family; adding a family is adding its line here.

import type { ErrorCase, OpCase } from '../reference/case.ts';
import attention, { errors as attentionErrors, large as attentionLarge } from './attention.ts';
import binary, { errors as binaryErrors, large as binaryLarge } from './binary.ts';
import conv2d, { errors as conv2dErrors, large as conv2dLarge } from './conv2d.ts';
import embedding, { errors as embeddingErrors, large as embeddingLarge } from './embedding.ts';
import fused, { errors as fusedErrors, large as fusedLarge } from './fused.ts';
import matmul, { errors as matmulErrors, large as matmulLarge } from './matmul.ts';
import norm, { errors as normErrors, large as normLarge } from './norm.ts';
import reduce, { errors as reduceErrors, large as reduceLarge } from './reduce.ts';
import rl, { errors as rlErrors, large as rlLarge } from './rl.ts';
import shape, { errors as shapeErrors, large as shapeLarge } from './shape.ts';
import softmax, { errors as softmaxErrors, large as softmaxLarge } from './softmax.ts';
import unary, { errors as unaryErrors, large as unaryLarge } from './unary.ts';

export interface Family {
  readonly cases: readonly OpCase[];
  readonly errors: readonly ErrorCase[];
  /** Over 65,535 workgroups; made only when run, as they take up to a few hundred MB. */
  readonly large: readonly (() => OpCase)[];
}

export const families: Readonly<Record<string, Family>> = {
  unary: { cases: unary, errors: unaryErrors, large: unaryLarge },
  binary: { cases: binary, errors: binaryErrors, large: binaryLarge },
  reduce: { cases: reduce, errors: reduceErrors, large: reduceLarge },
  matmul: { cases: matmul, errors: matmulErrors, large: matmulLarge },
  softmax: { cases: softmax, errors: softmaxErrors, large: softmaxLarge },
  norm: { cases: norm, errors: normErrors, large: normLarge },
  embedding: { cases: embedding, errors: embeddingErrors, large: embeddingLarge },
  attention: { cases: attention, errors: attentionErrors, large: attentionLarge },
  shape: { cases: shape, errors: shapeErrors, large: shapeLarge },
  rl: { cases: rl, errors: rlErrors, large: rlLarge },
  conv2d: { cases: conv2d, errors: conv2dErrors, large: conv2dLarge },
  fused: { cases: fused, errors: fusedErrors, large: fusedLarge },
};
