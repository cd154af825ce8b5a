// Every op's reference, by public name.

import * as attention from './attention.ts';
import * as binary from './binary.ts';
import type { OpReference } from './case.ts';
import * as conv2d from './conv2d.ts';
import * as embedding from './embedding.ts';
import * as fused from './fused.ts';
import * as matmul from './matmul.ts';
import * as norm from './norm.ts';
import * as reduce from './reduce.ts';
import * as rl from './rl.ts';
import * as shape from './shape.ts';
import * as softmax from './softmax.ts';
import * as unary from './unary.ts';

const families = [
  unary,
  binary,
  reduce,
  matmul,
  softmax,
  norm,
  embedding,
  attention,
  shape,
  rl,
  fused,
  conv2d,
] as const;

const isReference = (value: unknown): value is OpReference =>
  typeof value === 'object' && value !== null && 'op' in value;

export const references: ReadonlyMap<string, OpReference> = new Map(
  families
    .flatMap((family) => Object.values<unknown>({ ...family }))
    .filter(isReference)
    .map((reference) => [reference.op, reference]),
);
