// The affine map of a layer. Where the weight or the result is beyond what the adapter binds at once, in blocks.

import { DTypeError, ShapeError } from '../errors.ts';
import { BYTES } from '../tensor/dtype.ts';
import { format, sizeOf } from '../tensor/shape.ts';
import { needsGrad, record, type Take, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add } from './binary.ts';
import { allocate, expectDType, expectShape } from './launch.ts';
import { matmul } from './matmul.ts';
import { type Activation, multiplyInto } from './multiply.ts';
import { multiplyPacked, readsPacked } from './multiply_packed.ts';
import { packedType, unpackWeight, weightShape } from './packed.ts';
import { sumTo } from './reduce.ts';
import { concat } from './shape_ops.ts';
import { gelu, relu, reluGradient, silu } from './unary.ts';
import { reshape, slice, transpose } from './view.ts';

export interface LinearOptions {
  /** Applied to the sum of product and bias. Default: none. */
  readonly activation?: Activation;
  /** [..., out]: added last, as a residual stream is. Default: none. */
  readonly residual?: Tensor;
}

const ACTIVATIONS: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  relu,
  gelu,
  geluTanh: (x) => gelu(x, { approximate: 'tanh' }),
  silu,
};

/** activation(x); x where there is none. */
export function activated(x: Tensor, activation?: Activation): Tensor {
  return activation ? ACTIVATIONS[activation](x) : x;
}

/**
 * y = activation(x weightᵀ + bias) + residual: x [..., in], weight [out, in], bias [out] -> [..., out]; one kernel where
 * all of it fits the adapter's bindings.
 * A frozen weight may be packed in u32 (`packWeight`): for few rows of x it is read as it is, for more it is unpacked first.
 * What exceeds the adapter's binding limit, of the weight or of y, is multiplied in blocks.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { activation, residual }: LinearOptions = {},
): Tensor {
  checkArguments(x, weight, bias, residual);
  const fits = weight.dtype === 'u32' ? readsPacked(x, weight) : fitsAtOnce(x, weight);
  // The activation's gradient needs what went into it: then it is an op of its own. ReLU's needs only what came out.
  const told = activation === 'relu' && !residual;
  const inKernel = activation && (told || !needsGrad([x, weight, ...(bias ? [bias] : [])]));
  if (fits && (inKernel || !activation)) return fused(x, weight, bias, { activation, residual });
  const affine = fits ? fused(x, weight, bias, {}) : inBlocks(x, weight, bias);
  const y = activated(affine, activation);
  return residual ? add(y, residual) : y;
}

function checkArguments(x: Tensor, weight: Tensor, bias?: Tensor, residual?: Tensor): void {
  expectDType('linear', 'x', x, 'f32', 'f16');
  if (weight.dtype === 'u32') packedType('linear', weight);
  else if (weight.dtype !== x.dtype) {
    throw new DTypeError(`linear: x is ${x.dtype} and weight ${weight.dtype}; cast() one of them`);
  }
  const shape = weightShape(weight);
  if (weight.rank !== 2 || x.rank === 0 || x.shape.at(-1) !== shape[1]) {
    throw new ShapeError(
      `linear: x is ${format(x.shape)} and weight ${format(shape)}; expected [..., in] and [out, in]`,
    );
  }
  const outputs = weight.shape[0]!;
  if (bias) expectShape('linear', 'bias', bias, [outputs]);
  if (residual) expectShape('linear', 'residual', residual, [...x.shape.slice(0, -1), outputs]);
  if (bias) expectDType('linear', 'bias', bias, x.dtype);
  if (residual) expectDType('linear', 'residual', residual, x.dtype);
}

/** Whether one launch can do it: nothing empty, and no operand beyond what the adapter binds. */
function fitsAtOnce(x: Tensor, weight: Tensor): boolean {
  const [N, K] = weight.shape as [number, number];
  const width = BYTES[x.dtype];
  const rows = sizeOf(x.shape.slice(0, -1));
  const limit = x.runtime.gpu.limits.maxStorageBufferBindingSize - 256; // a binding starts on 256 bytes
  return K > 0 && Math.max(N * K, rows * K, rows * N) * width <= limit;
}

/** y = activation(x weightᵀ + bias) + residual in one kernel. No gradient passes an activation but ReLU. */
function fused(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { activation, residual }: LinearOptions,
): Tensor {
  const [N, K] = [weight.shape[0]!, x.shape.at(-1)!];
  const M = sizeOf(x.shape.slice(0, -1));
  const packed = weight.dtype === 'u32';
  const y = untaped(() => {
    const y = allocate(x.runtime, [M, N], x.dtype);
    const epilogue = {
      bias: bias && x.runtime.dense(bias),
      activation,
      residual: residual && reshape(x.runtime.dense(residual), [M, N]),
    };
    if (packed) multiplyPacked(y, reshape(x, [M, K]), weight, epilogue);
    else multiplyInto(y, reshape(x, [M, K]), transpose(weight), epilogue);
    return reshape(y, [...x.shape.slice(0, -1), N]);
  });
  const given = [x, weight, bias, residual].filter((each) => each !== undefined);
  const wanted = [x, weight, bias, residual].map(
    (each) => each !== undefined && each.edge !== null,
  );
  // dx = dy W     dW = dyᵀ x     dbias = Σ_rows dy     dresidual = dy
  const gradients = (dOutput: Tensor, saved: readonly Tensor[], take?: Take) => {
    const [x, weight, y] = saved as [Tensor, Tensor, Tensor?];
    const dy = y ? reluGradient(dOutput, y) : dOutput;
    const g = reshape(dy, [M, N]);
    const dx = () =>
      packed ? reshape(timesWeight(g, weight), x.shape) : inputGradient(g, weight, x, take?.(0));
    return [
      wanted[0] ? dx() : null,
      wanted[1] ? matmul(g, reshape(x, [M, K]), { transposeA: true }) : null,
      ...(bias ? [wanted[2] ? sumTo(dy, bias.shape) : null] : []),
      ...(residual ? [wanted[3] ? dy : null] : []),
    ];
  };
  return record({
    name: 'linear',
    inputs: given,
    output: y,
    saved: activation === 'relu' ? [x, weight, y] : [x, weight],
    backward: gradients,
    fused: gradients,
  });
}

/** dy W, and what has reached x by another way added by the same kernel. */
function inputGradient(dy: Tensor, weight: Tensor, x: Tensor, waiting?: Tensor | null): Tensor {
  if (!waiting) return reshape(matmul(dy, weight), x.shape);
  const [M, K] = [dy.shape[0]!, weight.shape[1]!];
  const dx = allocate(x.runtime, [M, K], x.dtype);
  multiplyInto(dx, dy, weight, { residual: reshape(x.runtime.dense(waiting), [M, K]) });
  return reshape(dx, x.shape);
}

/** What is beyond a binding, or packed, or empty. */
function inBlocks(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (weight.dtype === 'u32') return linearOfPacked(x, weight, bias);
  const [outputs, inputs] = weight.shape as [number, number];
  const leading = x.shape.slice(0, -1);
  const y = reshape(product(reshape(x, [sizeOf(leading), inputs]), weight), [...leading, outputs]);
  return bias ? add(y, bias) : y;
}

/** Unpacked as it is needed, block by block where all at once would not fit: the tape keeps the packed weight. */
function linearOfPacked(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = untaped(() => {
    const parts = blocksOf(weight, BYTES.f32 * weightShape(weight)[1]!).map((block) => {
      using unpacked = unpackedRows(weight, block);
      return linear(x, unpacked);
    });
    return parts.length === 1 ? parts[0]! : concat(parts, { axis: -1 });
  });
  record({
    name: 'linear',
    inputs: [x],
    output: y,
    saved: [weight],
    backward: (dy, [weight]) => [timesWeight(dy, weight)],
  });
  return bias ? add(y, bias) : y;
}

/** dy W: dy [..., out], weight [out, in] f32 or packed, of any size -> [..., in]. */
export function timesWeight(dy: Tensor, weight: Tensor): Tensor {
  const leading = dy.shape.slice(0, -1);
  const packed = weight.dtype === 'u32';
  const [N, K] = weightShape(weight) as [number, number];
  const rows = reshape(dy, [sizeOf(leading), N]);
  const blocks = blocksOf(weight, BYTES.f32 * K);
  const all = { begin: 0, end: rows.shape[0]! };
  const part = (block: Block) => {
    using own = packed ? unpackedRows(weight, block) : rowsOf(weight, block);
    return matmul(partOf(rows, all, block), own);
  };
  const dx = packed || blocks.length > 1 ? blocks.map(part).reduce(add) : matmul(rows, weight);
  return reshape(dx, [...leading, K]);
}

function unpackedRows(weight: Tensor, block: Block): Tensor {
  using rows = rowsOf(weight, block);
  return unpackWeight(rows);
}

interface Block {
  readonly begin: number;
  readonly end: number;
}

/** x weightᵀ for x [M, in], weight [N, in]. */
function product(x: Tensor, weight: Tensor): Tensor {
  const [M, K] = x.shape as [number, number];
  const N = weight.shape[0]!;
  const width = BYTES[x.dtype];
  const columns = blocksOf(weight, width * K);
  const rows = blocksOf(x, width * Math.max(K, N));
  if (columns.length <= 1 && rows.length <= 1) return matmul(x, weight, { transposeB: true });

  const output = allocate(x.runtime, [M, N], x.dtype);
  untaped(() => {
    for (const r of rows) {
      for (const c of columns) {
        multiplyInto(partOf(output, r, c), rowsOf(x, r), transpose(rowsOf(weight, c)));
      }
    }
  });
  const wanted = [x, weight].map(({ edge }) => edge !== null);
  return record({
    name: 'linear',
    inputs: [x, weight],
    output,
    saved: [x, weight],
    // dx = dy W and dW = dyᵀ x, block by block.
    backward: (dy, [x, weight]) => {
      const dxRows = (r: Block) =>
        columns.map((c) => matmul(partOf(dy, r, c), rowsOf(weight, c))).reduce(add);
      const dWeightRows = (c: Block) =>
        rows.map((r) => matmul(partOf(dy, r, c), rowsOf(x, r), { transposeA: true })).reduce(add);
      return [
        wanted[0] ? concat(rows.map(dxRows)) : null,
        wanted[1] ? concat(columns.map(dWeightRows)) : null,
      ];
    },
  });
}

/** Ranges of x's rows so that `rowBytes` times each fits one binding. */
function blocksOf(x: Tensor, rowBytes: number): Block[] {
  const rows = x.shape[0]!;
  const limit = x.runtime.gpu.limits.maxStorageBufferBindingSize - 256; // a binding starts on 256 bytes
  const most = Math.max(1, Math.floor(limit / Math.max(1, rowBytes)));
  const blocks: Block[] = [];
  for (let begin = 0; begin < rows; begin += most) {
    blocks.push({ begin, end: Math.min(rows, begin + most) });
  }
  return blocks;
}

const rowsOf = (x: Tensor, { begin, end }: Block) =>
  slice(x, { start: [begin, 0], end: [end, x.shape[1]!] });

const partOf = (x: Tensor, rows: Block, columns: Block) =>
  slice(x, { start: [rows.begin, columns.begin], end: [rows.end, columns.end] });
