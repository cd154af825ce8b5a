// Cross-entropy of logits against target ids.

import source from '../../kernels/cross_entropy.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import { format, sameShape } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { full } from './copy.ts';
import { allocate, expectDType, kernelFile, launch } from './launch.ts';
import { type RowBlock, rowBlocks } from './row_blocks.ts';
import { rowVectorsAlong } from './rows.ts';

const kernel = kernelFile('cross_entropy', source);

export interface CrossEntropyOptions {
  /** Rows with this target count neither in the loss nor in the mean. Default -100, as PyTorch. */
  readonly ignoreIndex?: number;
  /** s: the target's probability is 1 - s, and s is spread evenly over all V (Szegedy et al. 2016). Default 0. */
  readonly labelSmoothing?: number;
  /** The mean over the rows that count (default; 0 if there is none), their sum, or one loss a row. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

/**
 * -ln softmax(logits)[target], without overflow and without storing probabilities.
 * Logits at -infinity are masked. Logits over the adapter's binding limit are taken in blocks of rows.
 * @param logits [..., V], f32 or f16.
 * @param targets [...], i32 or u32. One out of [0, V) gives 0, and a DataError from the next awaited call.
 * @returns a scalar; [...] for reduction 'none'; f32. Its gradient cannot be differentiated again.
 * @throws ShapeError or DTypeError when the arguments do not fit, ConfigError for a labelSmoothing out of [0, 1].
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  { ignoreIndex = -100, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions = {},
): Tensor {
  expectDType('crossEntropy', 'logits', logits, 'f32', 'f16');
  expectDType('crossEntropy', 'targets', targets, 'i32', 'u32');
  const V = checkShapes(logits, targets);
  checkSmoothing('crossEntropy', labelSmoothing);
  const settings = { V, ignoreIndex, labelSmoothing };
  const { losses, lse } = rowLosses(logits, targets, settings);
  const { loss, weight } =
    reduction === 'none'
      ? { loss: losses, weight: full(logits.runtime, [1], 1, 'f32') }
      : weightedSum(losses, targets, settings, reduction === 'mean');
  record({
    name: 'crossEntropy',
    inputs: [logits],
    output: loss,
    saved: [logits, targets, lse, weight],
    backward: null,
    fused: (dy, [logits, targets, lse, weight]) => [
      gradient(logits, { targets, lse, dy, weight }, settings),
    ],
  });
  // The record holds what it needs under handles of its own.
  for (const temporary of [losses, lse, weight]) if (temporary !== loss) temporary.dispose();
  return loss;
}

export interface Settings {
  readonly V: number;
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
}

/** Of all rows: one loss each, of the targets' shape, and the two parts of its log-sum-exp, [rows, 2]. */
export interface RowLosses {
  readonly losses: Tensor;
  readonly lse: Tensor;
}

/** Parameters that only some entry points read. */
const UNUSED = { rows: 0, firstRow: 0, isMean: 0, dyStride: 0, fault: 0 };

export function allocateLosses(targets: Tensor): RowLosses {
  return {
    losses: allocate(targets.runtime, targets.shape, 'f32'),
    lse: allocate(targets.runtime, [targets.size, 2], 'f32'),
  };
}

/** The losses of the rows of one block of logits. */
export function blockLosses(
  op: string,
  { view: logits, first, count }: RowBlock,
  targets: Tensor,
  { losses, lse }: RowLosses,
  settings: Settings,
): void {
  const { workgroups, constants } = rowVectorsAlong(op, logits, 1);
  launch(kernel, 'rows', {
    inputs: [logits, targets],
    outputs: [losses, lse],
    params: { ...UNUSED, ...settings, rows: count, firstRow: first },
    constants: { Target: targets.dtype, ...constants },
    workgroups,
    flops: 16 * logits.size,
    fault: `${op}: a target is out of range [0, ${settings.V})`,
  });
}

function rowLosses(logits: Tensor, targets: Tensor, settings: Settings): RowLosses {
  const found = allocateLosses(targets);
  const dense = logits.runtime.dense(logits);
  for (const block of rowBlocks(dense)) {
    blockLosses('crossEntropy', block, targets, found, settings);
    block.view.dispose();
  }
  if (dense !== logits) dense.dispose();
  return found;
}

/** The mean or the sum of the losses, a scalar; and what each was multiplied with, [1]. */
export function weightedSum(losses: Tensor, targets: Tensor, settings: Settings, isMean: boolean) {
  const { runtime } = losses;
  const weight = allocate(runtime, [1], 'f32');
  if (losses.size === 0) return { loss: full(runtime, [], 0, 'f32'), weight };
  const loss = allocate(runtime, [], 'f32');
  launch(kernel, 'reduce', {
    inputs: [losses, targets],
    outputs: [loss, weight],
    params: { ...UNUSED, ...settings, rows: losses.size, isMean: isMean ? 1 : 0 },
    constants: { Target: targets.dtype },
    workgroups: 1,
    flops: losses.size,
  });
  return { loss, weight };
}

export interface Upstream {
  readonly targets: Tensor;
  readonly lse: Tensor;
  /** Of the loss: a scalar, or one a row. */
  readonly dy: Tensor;
  /** [1] */
  readonly weight: Tensor;
}

/** dlogits of the rows of one block, by computing their softmax anew. */
export function blockGradient(
  dlogits: Tensor,
  { view: logits, first, count }: RowBlock,
  { targets, lse, dy, weight }: Upstream,
  settings: Settings,
): void {
  const { workgroups, constants } = rowVectorsAlong('crossEntropy', logits, 1);
  launch(kernel, 'backward', {
    inputs: [logits, targets, lse, dy, weight],
    outputs: [dlogits],
    params: { ...UNUSED, ...settings, rows: count, firstRow: first, dyStride: dy.size > 1 ? 1 : 0 },
    constants: { Target: targets.dtype, ...constants },
    workgroups,
    flops: 16 * logits.size,
  });
}

function gradient(logits: Tensor, upstream: Upstream, settings: Settings): Tensor {
  const dlogits = allocate(logits.runtime, logits.shape, logits.dtype);
  const dense = logits.runtime.dense(logits);
  const blocks = rowBlocks(dense);
  for (const [i, { view }] of rowBlocks(dlogits).entries()) {
    blockGradient(view, blocks[i]!, upstream, settings);
    view.dispose();
    blocks[i]!.view.dispose();
  }
  if (dense !== logits) dense.dispose();
  return dlogits;
}

/** @throws ConfigError unless the share is from 0 to 1. */
export function checkSmoothing(op: string, labelSmoothing: number): void {
  if (labelSmoothing >= 0 && labelSmoothing <= 1) return;
  throw new ConfigError(`${op}: labelSmoothing is ${labelSmoothing}, expected 0 to 1`);
}

/** @returns V. */
function checkShapes(logits: Tensor, targets: Tensor): number {
  const V = logits.shape.at(-1) ?? 0;
  if (V > 0 && sameShape(logits.shape.slice(0, -1), targets.shape)) return V;
  throw new ShapeError(
    `crossEntropy: logits are ${format(logits.shape)} and targets ${format(targets.shape)}; expected [..., V] with V > 0, and [...]`,
  );
}
