// Rotary position embedding.

import source from '../../kernels/rope.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import type { Constants, ParamValues } from '../gpu/wgsl.ts';
import { collapse, format, sameShape, sizeOf } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { denseCopy } from './copy.ts';
import { vectorConstants } from './elements.ts';
import { allocate, bindingStart, expectDType, groupsFor, kernelFile, launch } from './launch.ts';
import { allocateLike, withDenseRows } from './layout.ts';

const kernel = kernelFile('rope', source);

/** Pairs of a thread. Finding a row takes divisions; on a CPU (lavapipe) they cost as much as turning seven pairs. */
const pairsOf = ({ runtime }: Tensor) => (runtime.gpu.adapter.software ? 16 : 4);
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
  readonly interleaved: boolean;
  readonly offset: number;
  /** Whether `positions` holds the positions; else any tensor stands in its place. */
  readonly positioned: boolean;
  readonly table: Tensor;
  readonly positions: Tensor;
}

/** -1 turns back. */
type Sign = 1 | -1;

/**
 * Turns each pair of x's last axis by its position times the pair's frequency: x [..., T, D], D even -> the same shape,
 * in memory in x's order of axes. Then ⟨rope(q) at m, rope(k) at n⟩ depends on n - m alone. Any i32 position is good
 * to about 1e-7 of the pair's length.
 */
export function rope(x: Tensor, options: RopeOptions = {}): Tensor {
  checkArguments('rope', x, options);
  return x.size === 0 ? x : rotate(x, rotationOf(x, options), 1);
}

/** The shapes of what was turned. */
export interface TurnedPair {
  readonly q: Tensor;
  readonly k: Tensor;
}

/**
 * rope(q) and rope(k) in one kernel, and their gradients in one: q [..., T, D] and k [..., T, D] may differ in the axes
 * between the first and T (heads).
 * @throws ShapeError, DTypeError or ConfigError when the arguments do not fit.
 */
export function ropePair(q: Tensor, k: Tensor, options: RopeOptions = {}): TurnedPair {
  checkArguments('ropePair', q, options);
  checkArguments('ropePair', k, options);
  expectDType('ropePair', 'k', k, q.dtype);
  if (!sameShape(q.shape.slice(-2), k.shape.slice(-2))) {
    throw new ShapeError(
      `ropePair: q is ${format(q.shape)} and k ${format(k.shape)}; both need the same T and D`,
    );
  }
  if (q.size === 0 || k.size === 0) return { q: rope(q, options), k: rope(k, options) };
  const rotation = rotationOf(q, options);
  const [turnedQ, turnedK] = turnBoth(q, k, rotation, 1);
  const { table, positions } = rotation;
  recordRotation(k, turnedK, rotation, 1);
  // k's result is an input so that its gradient, which waits when q's arrives, is turned by the same kernel.
  record({
    name: 'ropePair',
    inputs: [q, k, turnedK],
    output: turnedQ,
    saved: [table, positions],
    backward: (dy, [table, positions]) => [
      rotate(dy, { ...rotation, table, positions }, -1),
      null,
      null,
    ],
    fused: (dy, [table, positions], take) => {
      const back = { ...rotation, table, positions };
      const dTurnedK = take(2);
      if (!dTurnedK) return [rotate(dy, back, -1), null, null];
      return [...turnBoth(dy, dTurnedK, back, -1), null];
    },
  });
  return { q: turnedQ, k: turnedK };
}

function rotationOf(x: Tensor, options: RopeOptions): Rotation {
  const { base = 10000, interleaved = false, offset = 0, positions } = options;
  const table = tableFor(x.runtime, base, x.shape.at(-1)! / 2);
  const dense = positions && (positions.isDense ? positions : denseCopy(positions));
  return { interleaved, offset, positioned: !!positions, table, positions: dense ?? table };
}

/** Linear in x and orthogonal: its gradient turns back. */
function rotate(x: Tensor, rotation: Rotation, sign: Sign): Tensor {
  const { rows, output, geometry } = place(x);
  launch(kernel, 'forward', {
    inputs: [rows, rotation.table, rotation.positions],
    outputs: [output],
    params: { ...paramsOf(x, rotation, sign), ...geometry, ...secondOf(NOTHING) },
    constants: constantsOf(x, rotation, [geometry]),
    workgroups: groupsFor(geometry.parts),
    flops: 4 * x.size,
    strided: true,
  });
  if (rows !== x) rows.dispose();
  return recordRotation(x, output, rotation, sign);
}

/** Outside the tape. */
function turnBoth(q: Tensor, k: Tensor, rotation: Rotation, sign: Sign): [Tensor, Tensor] {
  const [first, second] = [place(q), place(k)];
  launch(kernel, 'pair', {
    inputs: [first.rows, rotation.table, rotation.positions, second.rows],
    outputs: [first.output, second.output],
    params: { ...paramsOf(q, rotation, sign), ...first.geometry, ...secondOf(second.geometry) },
    constants: {
      ...constantsOf(q, rotation, [first.geometry, second.geometry]),
      PAIR_RANK: rankOf(second.geometry),
    },
    workgroups: groupsFor(first.geometry.parts + second.geometry.parts),
    flops: 4 * (q.size + k.size),
    strided: true,
  });
  if (first.rows !== q) first.rows.dispose();
  if (second.rows !== k) second.rows.dispose();
  return [first.output, second.output];
}

function recordRotation(x: Tensor, output: Tensor, rotation: Rotation, sign: Sign): Tensor {
  return record({
    name: 'rope',
    inputs: [x],
    output,
    saved: [rotation.table, rotation.positions],
    backward: (dy, [table, positions]) => [
      rotate(dy, { ...rotation, table, positions }, sign === 1 ? -1 : 1),
    ],
  });
}

/** Where a tensor's rows lie, before and after. */
interface Geometry {
  /** Threads. */
  readonly parts: number;
  readonly rowsPerBatch: number;
  readonly xStart: number;
  readonly yStart: number;
  readonly shape: readonly number[];
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
}

const NOTHING: Geometry = {
  parts: 0,
  rowsPerBatch: 0,
  xStart: 0,
  yStart: 0,
  shape: [0],
  xStrides: [0],
  yStrides: [0],
};

/** x with adjacent elements in its rows, room for the result in its order of axes, and where both lie. */
function place(x: Tensor): { rows: Tensor; output: Tensor; geometry: Geometry } {
  const rows = withDenseRows(x, 1);
  const output = allocateLike(rows);
  const leading = x.shape.slice(0, -1);
  const { shape, strides } = collapse(leading, [
    rows.strides.slice(0, -1),
    output.strides.slice(0, -1),
  ]);
  const geometry = {
    parts: sizeOf(leading) * rowPartsOf(x),
    rowsPerBatch: sizeOf(leading) / leading[0]!,
    xStart: bindingStart(rows),
    yStart: bindingStart(output),
    shape,
    xStrides: strides[0]!,
    yStrides: strides[1]!,
  };
  return { rows, output, geometry };
}

/** The geometry under the names of the second tensor's parameters. */
function secondOf(geometry: Geometry): ParamValues {
  return {
    secondParts: geometry.parts,
    secondRowsPerBatch: geometry.rowsPerBatch,
    secondXStart: geometry.xStart,
    secondYStart: geometry.yStart,
    secondShape: geometry.shape,
    secondXStrides: geometry.xStrides,
    secondYStrides: geometry.yStrides,
  };
}

function paramsOf(x: Tensor, { offset, positioned, positions }: Rotation, sign: Sign): ParamValues {
  const [T, D] = x.shape.slice(-2) as [number, number];
  return {
    half: D / 2,
    rowParts: rowPartsOf(x),
    T,
    sign,
    offset,
    positioned: Number(positioned),
    positionsStart: bindingStart(positions),
    positionsStride: positions.rank === 2 ? T : 0,
  };
}

function constantsOf(
  x: Tensor,
  { interleaved }: Rotation,
  geometries: readonly Geometry[],
): Constants {
  const inFours = !interleaved && x.shape.at(-1)! % 8 === 0 && geometries.every(isInFours);
  return {
    Element: x.dtype,
    INTERLEAVED: String(interleaved),
    RANK: rankOf(geometries[0]!),
    PAIRS: pairsOf(x),
    ...vectorConstants(inFours ? 4 : 1),
  };
}

/** Whether all rows begin where vectors of four do. */
const isInFours = ({ xStart, yStart, xStrides, yStrides }: Geometry): boolean =>
  [xStart, yStart, ...xStrides, ...yStrides].every((n) => n % 4 === 0);

const rowPartsOf = (x: Tensor) => Math.ceil(x.shape.at(-1)! / 2 / pairsOf(x));

const rankOf = ({ shape }: Geometry) => Math.max(1, shape.length);

/** θ_i = base^(-2i / D). */
const frequency = (base: number, half: number, i: number) => base ** (-i / half);

/**
 * (2 / D) Σ_i cos(Δ θ_i): what is left of ⟨q, k⟩ at distance Δ where all pairs of q and k contribute alike, as for q = k of
 * ones. It is largest at 0 and falls with the distance, but not at every step: pairs come round again.
 */
export function ropeSimilarity(distance: number, D: number, { base = 10000 } = {}): number {
  let total = 0;
  for (let i = 0; i < D / 2; i++) total += Math.cos(distance * frequency(base, D / 2, i));
  return total / (D / 2);
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
      const angle = digitValue(row) * frequency(base, half, i);
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

function checkArguments(
  op: string,
  x: Tensor,
  { base = 10000, offset = 0, positions }: RopeOptions,
): void {
  expectDType(op, 'x', x, 'f32', 'f16');
  if (x.rank < 2 || x.shape.at(-1)! % 2 !== 0) {
    throw new ShapeError(`${op}: x is ${format(x.shape)}, expected [..., T, D] with an even D`);
  }
  if (!(base > 0)) throw new ConfigError(`${op}: base is a number above 0, got ${base}`);
  if ((offset | 0) !== offset) {
    throw new ConfigError(`${op}: offset is a whole number of 32 bits, got ${offset}`);
  }
  if (positions) checkPositions(op, x, positions);
}

function checkPositions(op: string, x: Tensor, positions: Tensor): void {
  expectDType(op, 'positions', positions, 'i32', 'u32');
  const T = x.shape.at(-2)!;
  const shared = sameShape(positions.shape, [T]);
  if (shared || (x.rank > 2 && sameShape(positions.shape, [x.shape[0]!, T]))) return;
  throw new ShapeError(
    `${op}: positions is ${format(positions.shape)}, expected [${T}] or [${x.shape[0]}, ${T}] for x ${format(x.shape)}`,
  );
}
