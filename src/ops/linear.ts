// The affine map of a layer. Where the weight or the result is beyond what the adapter binds at once, in blocks.

import { DTypeError, ShapeError } from '../errors.ts';
import { BYTES } from '../tensor/dtype.ts';
import { format, sizeOf } from '../tensor/shape.ts';
import { record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add } from './binary.ts';
import { unpackHalf } from './half_pairs.ts';
import { allocate, expectDType, expectShape } from './launch.ts';
import { matmul, multiplyInto } from './matmul.ts';
import { concat } from './shape_ops.ts';
import { reshape, slice, transpose } from './view.ts';

/**
 * y = x weightᵀ + bias: x [..., in], weight [out, in], bias [out] -> [..., out].
 * A frozen weight may be half precision in pairs, u32 [out, in / 2] (`packHalf`). What exceeds the adapter's binding
 * limit, of the weight or of y, is multiplied in blocks.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  expectDType('linear', 'x', x, 'f32', 'f16');
  if (weight.dtype === 'u32') return linearOfPairs(x, weight, bias);
  if (weight.dtype !== x.dtype) {
    throw new DTypeError(`linear: x is ${x.dtype} and weight ${weight.dtype}; cast() one of them`);
  }
  const [outputs, inputs] = weight.shape;
  if (weight.rank !== 2 || x.rank === 0 || x.shape.at(-1) !== inputs) {
    throw new ShapeError(
      `linear: x is ${format(x.shape)} and weight ${format(weight.shape)}; expected [..., in] and [out, in]`,
    );
  }
  if (bias) expectShape('linear', 'bias', bias, [outputs!]);
  const leading = x.shape.slice(0, -1);
  const rows = reshape(x, [sizeOf(leading), inputs!]);
  const y = reshape(product(rows, weight), [...leading, outputs!]);
  return bias ? add(y, bias) : y;
}

/** Halves are unpacked as they are needed, block by block where all at once would not fit. */
function linearOfPairs(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const blocks = blocksOf(weight, 2 * BYTES.f32 * weight.shape[1]!);
  const parts = blocks.map((block) => {
    using packed = rowsOf(weight, block);
    using unpacked = unpackHalf(packed);
    return linear(x, unpacked);
  });
  const y = parts.length === 1 ? parts[0]! : concat(parts, { axis: -1 });
  return bias ? add(y, bias) : y;
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
