// Rotary position embedding.

import source from '../../kernels/rope.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import { collapse, format, sameShape, sizeOf } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { denseCopy } from './copy.ts';
import { allocate, bindingStart, expectDType, groupsFor, kernelFile, launch } from './launch.ts';
import { allocateLike, withDenseRows } from './layout.ts';

const kernel = kernelFile('rope', source);

const DIGITS = 4;
const DIGIT_BASE = 256;

export interface RopeOptions {
  /** Frequencies are base^(-2i / D). Default 10000 (Su et al. 2021). */
  readonly base?: number;
  /** Pairs are (2i, 2i + 1), as in the paper and GPT-J; default (i, i + D/2), as in GPT-NeoX and Llama. */
  readonly interleaved?: boolean;
  /** The position of t = 0. Default 0. */
  readonly offset?: number;
  /** Positions on the device instead of `offset`: [T], or [B, T] with x's first axis; i32. */
  readonly positions?: Tensor;
}

/** What is the same for a rotation and its inverse. */
interface Rotation {
  readonly base: number;
  readonly interleaved: boolean;
  readonly offset: number;
  /** Whether `positions` holds the positions; else any tensor stands in its place. */
  readonly positioned: boolean;
}

/**
 * Turns each pair of x's last axis by its position times the pair's frequency: x [..., T, D], D even -> the same shape,
 * in memory in x's order of axes. Then ⟨rope(q) at m, rope(k) at n⟩ depends on n - m alone. Any i32 position is good
 * to about 1e-7 of the pair's length.
 */
export function rope(x: Tensor, options: RopeOptions = {}): Tensor {
  const { base = 10000, interleaved = false, offset = 0, positions } = options;
  expectDType('rope', 'x', x, 'f32', 'f16');
  if (x.rank < 2 || x.shape.at(-1)! % 2 !== 0) {
    throw new ShapeError(`rope: x is ${format(x.shape)}, expected [..., T, D] with an even D`);
  }
  if (!(base > 0)) throw new ConfigError(`rope: base is a number above 0, got ${base}`);
  if ((offset | 0) !== offset) {
    throw new ConfigError(`rope: offset is a whole number of 32 bits, got ${offset}`);
  }
  if (positions) checkPositions(x, positions);
  if (x.size === 0) return x;
  const table = tableFor(x.runtime, base, x.shape.at(-1)! / 2);
  const where = positions ? (positions.isDense ? positions : denseCopy(positions)) : table;
  return rotate(x, table, where, { base, interleaved, offset, positioned: !!positions }, 1);
}

/** Linear in x and orthogonal: its gradient turns back. */
function rotate(
  x: Tensor,
  table: Tensor,
  positions: Tensor,
  rotation: Rotation,
  sign: 1 | -1,
): Tensor {
  const { interleaved, offset, positioned } = rotation;
  const rows = withDenseRows(x, 1);
  const output = allocateLike(rows);
  const leading = x.shape.slice(0, -1);
  const { shape, strides, rank } = collapse(leading, [
    rows.strides.slice(0, -1),
    output.strides.slice(0, -1),
  ]);
  const T = leading.at(-1)!;
  launch(kernel, 'forward', {
    inputs: [rows, table, positions],
    outputs: [output],
    params: {
      pairs: x.size / 2,
      half: x.shape.at(-1)! / 2,
      T,
      rowsPerBatch: sizeOf(leading) / leading[0]!,
      sign,
      offset,
      positioned: Number(positioned),
      positionsStart: bindingStart(positions),
      positionsStride: positions.rank === 2 ? T : 0,
      xStart: bindingStart(rows),
      yStart: bindingStart(output),
      shape,
      xStrides: strides[0]!,
      yStrides: strides[1]!,
    },
    constants: { Element: x.dtype, INTERLEAVED: String(interleaved), RANK: rank },
    workgroups: groupsFor(x.size / 2),
    flops: 4 * x.size,
    strided: true,
  });
  if (rows !== x) rows.dispose();
  return record({
    name: 'rope',
    inputs: [x],
    output,
    saved: [table, positions],
    backward: (dy, [table, positions]) => [
      rotate(dy, table, positions, rotation, sign === 1 ? -1 : 1),
    ],
  });
}

const tables = new WeakMap<Runtime, Map<string, Tensor>>();

/** (cos, sin) of digit * 256^k * θ_i, [4, 256, half, 2]; made once per device, base and D. */
function tableFor(runtime: Runtime, base: number, half: number): Tensor {
  const mine = tables.get(runtime) ?? new Map<string, Tensor>();
  tables.set(runtime, mine);
  const key = `${base} ${half}`;
  const known = mine.get(key);
  if (known) return known;
  const values = new Float32Array(DIGITS * DIGIT_BASE * half * 2);
  for (let row = 0; row < DIGITS * DIGIT_BASE; row++) {
    for (let i = 0; i < half; i++) {
      const angle = digitValue(row) * base ** (-i / half);
      values[2 * (row * half + i)] = Math.cos(angle);
      values[2 * (row * half + i) + 1] = Math.sin(angle);
    }
  }
  const table = runtime.gpu.uncaptured(() => {
    const made = allocate(runtime, [DIGITS, DIGIT_BASE, half, 2], 'f32');
    made.write(values);
    return made;
  });
  table.kept = true;
  mine.set(key, table);
  return table;
}

/** What row (k, digit) of the table stands for. The highest digit is signed, as in two's complement. */
function digitValue(row: number): number {
  const k = Math.floor(row / DIGIT_BASE);
  const digit = row % DIGIT_BASE;
  const negative = k === DIGITS - 1 && digit >= DIGIT_BASE / 2;
  return (negative ? digit - DIGIT_BASE : digit) * DIGIT_BASE ** k;
}

function checkPositions(x: Tensor, positions: Tensor): void {
  expectDType('rope', 'positions', positions, 'i32', 'u32');
  const T = x.shape.at(-2)!;
  const shared = sameShape(positions.shape, [T]);
  if (shared || (x.rank > 2 && sameShape(positions.shape, [x.shape[0]!, T]))) return;
  throw new ShapeError(
    `rope: positions is ${format(positions.shape)}, expected [${T}] or [${x.shape[0]}, ${T}] for x ${format(x.shape)}`,
  );
}
