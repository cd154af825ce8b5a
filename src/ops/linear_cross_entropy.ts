// Cross-entropy of a linear layer's outputs that never exist all at once: logits are made, used and overwritten in chunks
// of rows, as in Liger (Hsu et al. 2024).

import { ConfigError, ShapeError } from '../errors.ts';
import { BYTES } from '../tensor/dtype.ts';
import { format, sameShape, sizeOf } from '../tensor/shape.ts';
import { needsGrad, record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './binary.ts';
import { full } from './copy.ts';
import {
  allocateLosses,
  blockGradient,
  blockLosses,
  type CrossEntropyOptions,
  checkSmoothing,
  type Settings,
  type Upstream,
  weightedSum,
} from './cross_entropy.ts';
import { allocate, expectDType } from './launch.ts';
import { multiplyInto } from './matmul.ts';
import { unpackWeight } from './packed.ts';
import { type RowBlock, rowBlocks } from './row_blocks.ts';
import { reshape, slice, transpose } from './view.ts';

/** Logits of a chunk, in bytes: few enough to keep, and rows enough to make the products with the weight worth it. */
const CHUNK_BYTES = 2 ** 26;

export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** Rows whose logits exist at a time. Default: what 64 MiB hold. */
  readonly chunk?: number;
}

/**
 * crossEntropy(linear(hidden, weight), targets) in the memory of one chunk of logits. For a mean or a sum the gradients
 * are computed with the loss, while the chunk's logits are there, and are multiplied by the upstream gradient later: a
 * quarter faster on lavapipe than to compute the logits again. The losses of reduction 'none' have one upstream gradient
 * each, and there that is done.
 * A weight over the adapter's binding limit is taken in blocks of the vocabulary.
 * @param hidden [..., C] f32.
 * @param weight [V, C] f32; or, frozen, packed in u32 (`packWeight`), unpacked until backward.
 * @param targets [...], i32 or u32. One out of [0, V) gives 0, and a DataError from the next awaited call.
 * @returns a scalar; [...] for reduction 'none'. Its gradient cannot be differentiated again.
 * @throws ShapeError or DTypeError when the arguments do not fit, ConfigError for a labelSmoothing out of [0, 1]
 *   or a chunk below 1.
 */
export function linearCrossEntropy(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  if (weight.dtype === 'u32') {
    using unpacked = unpackWeight(weight);
    return linearCrossEntropy(hidden, unpacked, targets, options);
  }
  const { ignoreIndex = -100, labelSmoothing = 0, reduction = 'mean', chunk } = options;
  checkArguments(hidden, weight, targets, chunk);
  checkSmoothing('linearCrossEntropy', labelSmoothing);
  const V = weight.shape[0]!;
  const settings = { V, ignoreIndex, labelSmoothing };
  const chunkRows = chunk ?? defaultChunk(hidden, V);
  const operands = { hidden, weight, targets, chunkRows, settings };
  const inputs = [hidden, weight];
  // Gradients beyond what one binding holds could not be scaled at once.
  const early = reduction !== 'none' && inputs.every(fitsBinding);

  const found = allocateLosses(targets);
  const one = full(hidden.runtime, [1], 1, 'f32');
  const gradients = early && needsGrad(inputs) ? allocateGradients(operands) : null;
  const plain = { targets, lse: found.lse, dy: one, weight: one };
  eachChunk(operands, (logits, rows) => {
    blockLosses('linearCrossEntropy', logits, targets, found, settings);
    if (gradients) addGradients(gradients, logits, rows, operands, plain);
  });
  const { loss, weight: share } =
    reduction === 'none'
      ? { loss: found.losses, weight: one.detach() }
      : weightedSum(found.losses, targets, settings, reduction === 'mean');
  if (gradients) recordEarly(inputs, loss, share, gradients);
  else recordLate(operands, loss, share, found.lse);
  // The record holds what it needs under handles of its own.
  for (const made of [
    found.losses,
    found.lse,
    one,
    share,
    gradients?.dHidden,
    gradients?.dWeight,
  ]) {
    if (made !== loss) made?.dispose();
  }
  return loss;
}

interface Operands {
  readonly hidden: Tensor;
  readonly weight: Tensor;
  readonly targets: Tensor;
  readonly chunkRows: number;
  readonly settings: Settings;
}

/** Those that are wanted. */
interface Gradients {
  /** Of hidden's shape. */
  readonly dHidden: Tensor | null;
  /** [V, C] */
  readonly dWeight: Tensor | null;
}

/** The gradients are there, and wait for the upstream one. */
function recordEarly(
  inputs: readonly Tensor[],
  loss: Tensor,
  share: Tensor,
  { dHidden, dWeight }: Gradients,
): void {
  record({
    name: 'linearCrossEntropy',
    inputs,
    output: loss,
    saved: [share, dHidden ?? share, dWeight ?? share],
    backward: null,
    fused: (dy, [share, savedHidden, savedWeight]) => {
      const scale = mul(dy, share);
      return [dHidden ? mul(savedHidden, scale) : null, dWeight ? mul(savedWeight, scale) : null];
    },
  });
}

/** The logits are computed again when the upstream gradient is known. */
function recordLate(operands: Operands, loss: Tensor, share: Tensor, lse: Tensor): void {
  const { hidden, weight, targets } = operands;
  record({
    name: 'linearCrossEntropy',
    inputs: [hidden, weight],
    output: loss,
    saved: [hidden, weight, targets, lse, share],
    backward: null,
    fused: (dy, [hidden, weight, targets, lse, share]) => {
      const again = { ...operands, hidden, weight, targets };
      const gradients = allocateGradients(again);
      const upstream = { targets, lse, dy, weight: share };
      eachChunk(again, (logits, rows) => addGradients(gradients, logits, rows, again, upstream));
      return [gradients.dHidden, gradients.dWeight];
    },
  });
}

function fitsBinding(x: Tensor): boolean {
  return x.size * BYTES[x.dtype] <= x.runtime.gpu.limits.maxStorageBufferBindingSize;
}

/** Runs `use` on one chunk of rows after the other: their logits, and their hidden states [count, C]. */
function eachChunk(
  { hidden, weight, targets, chunkRows, settings: { V } }: Operands,
  use: (logits: RowBlock, rows: Tensor) => void,
): void {
  untaped(() => {
    const states = hidden.runtime.dense(hidden);
    const blocks = rowBlocks(hidden.runtime.dense(weight));
    for (let first = 0; first < targets.size; first += chunkRows) {
      untaped(() => {
        const count = Math.min(chunkRows, targets.size - first);
        const rows = rowsOf(states, first, count);
        const logits = allocate(hidden.runtime, [count, V], 'f32');
        for (const block of blocks) {
          multiplyInto(columnsOf(logits, block), rows, transpose(block.view));
        }
        use({ view: logits, first, count }, rows);
      });
    }
  });
}

/** Adds what one chunk contributes; the first one sets dWeight. */
function addGradients(
  { dHidden, dWeight }: Gradients,
  logits: RowBlock,
  rows: Tensor,
  { weight, settings }: Operands,
  upstream: Upstream,
): void {
  const dlogits = allocate(rows.runtime, logits.view.shape, 'f32');
  blockGradient(dlogits, logits, upstream, settings);
  if (dHidden) {
    const target = rowsOf(dHidden, logits.first, logits.count);
    for (const block of rowBlocks(weight.runtime.dense(weight))) {
      const accumulate = block.first > 0;
      multiplyInto(target, columnsOf(dlogits, block), block.view, { accumulate });
    }
  }
  if (dWeight) {
    for (const block of rowBlocks(dWeight)) {
      const accumulate = logits.first > 0;
      multiplyInto(block.view, transpose(columnsOf(dlogits, block)), rows, { accumulate });
    }
  }
}

function allocateGradients({ hidden, weight, targets }: Operands): Gradients {
  const like = (x: Tensor) => {
    if (!x.edge) return null;
    return targets.size > 0
      ? allocate(x.runtime, x.shape, 'f32')
      : full(x.runtime, x.shape, 0, 'f32');
  };
  return { dHidden: like(hidden), dWeight: like(weight) };
}

/** x [..., C] as rows [count, C] from `first` on. */
function rowsOf(x: Tensor, first: number, count: number): Tensor {
  const C = x.shape.at(-1)!;
  const flat = reshape(x, [sizeOf(x.shape.slice(0, -1)), C]);
  return slice(flat, { start: [first, 0], end: [first + count, C] });
}

/** The columns of [count, V] that belong to a block of the vocabulary. */
function columnsOf(x: Tensor, { first, count }: RowBlock): Tensor {
  return slice(x, { start: [0, first], end: [x.shape[0]!, first + count] });
}

function defaultChunk({ runtime }: Tensor, V: number): number {
  const bytes = Math.min(CHUNK_BYTES, runtime.gpu.limits.maxStorageBufferBindingSize);
  return Math.max(1, Math.floor(bytes / (BYTES.f32 * V)));
}

function checkArguments(hidden: Tensor, weight: Tensor, targets: Tensor, chunk = 1): void {
  const op = 'linearCrossEntropy';
  expectDType(op, 'hidden', hidden, 'f32');
  expectDType(op, 'weight', weight, 'f32');
  expectDType(op, 'targets', targets, 'i32', 'u32');
  const [V, C] = weight.shape;
  const fits = weight.rank === 2 && V! > 0 && sameShape(hidden.shape, [...targets.shape, C!]);
  if (!fits) {
    throw new ShapeError(
      `${op}: hidden is ${format(hidden.shape)}, weight ${format(weight.shape)} and targets ${format(targets.shape)}; expected [..., C], [V, C] with V > 0, and [...]`,
    );
  }
  if (!Number.isInteger(chunk) || chunk < 1) {
    throw new ConfigError(`${op}: chunk is ${chunk}, expected a whole number of rows from 1 on`);
  }
}
