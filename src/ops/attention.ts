// Scaled dot-product attention with grouped-query heads, causal and key masks, and dropout.

import source from '../../kernels/attention.wgsl' with { type: 'text' };
import rowsSource from '../../kernels/attention_rows.wgsl' with { type: 'text' };
import singleSource from '../../kernels/attention_single.wgsl' with { type: 'text' };
import subgroupsSource from '../../kernels/attention_subgroups.wgsl' with { type: 'text' };
import tilesSource from '../../kernels/attention_tiles.wgsl' with { type: 'text' };
import { ConfigError } from '../errors.ts';
import type { Constants, ParamValues } from '../gpu/wgsl.ts';
import { type Gradients, record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  type AttentionOptions,
  checkInputs,
  keyFilterOf,
  type Shape4,
} from './attention_inputs.ts';
import { full } from './copy.ts';
import { allocate, bindingStart, groupsFor, kernelFile, lanesFor, launch } from './launch.ts';
import { allocateLike, withDenseRows } from './layout.ts';
import { randomState } from './random.ts';
import { pad } from './shape_ops.ts';
import { type Family, sizeClass, sizesOf, variantFor } from './variants.ts';
import { slice } from './view.ts';

const kernel = kernelFile('attention', source);
const single = kernelFile('attention_single', singleSource);
const kernels = {
  subgroups: kernelFile('attention_subgroups', subgroupsSource),
  tiles: kernelFile('attention_tiles', tilesSource),
  rows: kernelFile('attention_rows', rowsSource),
  registers: kernel,
};

type Variant = keyof typeof kernels;

/** T D up to which `rows` takes no longer than `subgroups` (SwiftShader, T = 16 to 64), and a tenth to compile. */
const SMALL = 512;

/**
 * Where loads are shared: in a subgroup, whose threads each load some of the keys (or queries) that all of them need; in
 * workgroup memory; or not at all, by few threads in registers or by many in rows, which is the least code. On a CPU,
 * where a load costs as much as 30 products, the first halves the time.
 */
export const attentionFamily: Family<Variant> = {
  name: 'attention',
  variants: ['subgroups', 'tiles', 'rows', 'registers'],
  shipped: ({ software, architecture }, shapeClass, usable) => {
    if (!software) return 'tiles';
    const [, T, D] = sizesOf(shapeClass) as [number, number, number];
    if (architecture === 'swiftshader' && T * D <= SMALL) return 'rows';
    // On a CPU barriers are dear: without subgroups `tiles` take twice as long as `registers`, and as long to compile.
    return usable('subgroups') ? 'subgroups' : 'registers';
  },
};

// The kernels' constants: a thread owns four rows and 32 columns, or half of them where D has no more.
const ROWS_PER_THREAD = 4;
const COLUMNS = 32;
/** Threads of a workgroup: one SIMD group of a CPU (measured), one of most GPUs. */
const THREADS = { software: 8, hardware: 32 };
/** Threads of a subgroup that share loads: four, or eight where subgroups are as large. */
const FEWEST_SHARING = 4;
/** Of tiles in workgroup memory: threads (two per row) and the columns that are there at a time. */
const TILE_THREADS = 128;
const PIECE = 32;
const TILES_MAX_D = 4 * PIECE;
/** Up to so many queries a workgroup serves one alone; it has a thread for each vec4 of a row. */
const FEW_QUERIES = 4;
const SINGLE_MAX_D = 256;

/** q, k, v with rows that start at multiples of 4 elements. */
type Operands = [q: Tensor, k: Tensor, v: Tensor];

/** What the kernels need besides q, k and v. */
interface Setting {
  readonly causal: boolean;
  readonly scale: number;
  readonly p: number;
  readonly stream: number;
  /** Where in `keys` the mask, the lengths and the documents begin; -1: not there. */
  readonly maskAt: number;
  readonly lengthsAt: number;
  readonly documentsAt: number;
}

/**
 * softmax(scale q kᵀ) v: q [B, H, Tq, D], k and v [B, Hkv, Tk, D] -> [B, H, Tq, D]; query head h reads key head
 * ⌊h Hkv / H⌋. A query that sees no key gives zeros. The result lies in memory in q's order of axes.
 * There is no second derivative.
 * @throws ShapeError when the shapes do not fit or Hkv does not divide H.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkInputs(q, k, v, options);
  const D = q.shape[3]!;
  const { causal = false, dropout: p = 0, scale = 1 / Math.sqrt(D) } = options;
  if (!(p >= 0 && p < 1)) {
    throw new ConfigError(
      `attention: dropout is a probability from 0 up to but without 1, got ${p}`,
    );
  }
  if (q.size === 0 || k.size === 0) return zeroAttention(q, k, v);
  // Zeros in the last axis change no score; the columns that they add to the result are cut off again.
  if (D % 4 !== 0) {
    const after = [0, 0, 0, 4 - (D % 4)];
    const [q4, k4, v4] = [q, k, v].map((x) => pad(x, { before: [0, 0, 0, 0], after }));
    return slice(attention(q4!, k4!, v4!, { ...options, scale }), { end: q.shape });
  }
  const state = randomState(q.runtime);
  const { keys, starts } = keyFilterOf(options, state.tensor);
  const stream = p > 0 ? state.nextStream() : 0;
  const setting = { causal, scale, p, stream, ...starts };
  return attend([q, k, v], keys, state.tensor, setting);
}

/** The op on rows whose length is a multiple of 4. */
function attend(given: Tensor[], keys: Tensor, state: Tensor, setting: Setting): Tensor {
  const operands = given.map((x) => withDenseRows(x, 4)) as Operands;
  const [q] = operands;
  const output = allocateLike(q);
  const lse = allocate(q.runtime, q.shape.slice(0, 3), 'f32');
  const { p, documentsAt } = setting;
  const small = q.shape[2]! <= FEW_QUERIES && q.shape[3]! <= SINGLE_MAX_D;
  const few = small && p === 0 && documentsAt < 0;
  if (few) launchSingle(operands, keys, [output, lse], setting);
  else {
    const params = { ...paramsOf(operands, setting), oAt: layoutOf(output) };
    const inputs = [...operands, keys, state];
    launchTiles(
      'forward',
      { inputs, outputs: [output, lse], rows: q, params, products: 2 },
      setting,
    );
  }
  const wanted = given.map((x) => x.edge !== null);
  const result = record({
    name: 'attention',
    inputs: given,
    output,
    saved: [...operands, keys, state, output, lse],
    backward: null,
    fused: (dy, saved) => gradients(dy, saved, wanted, setting),
  });
  for (const [n, x] of given.entries()) if (operands[n] !== x) operands[n]!.dispose();
  lse.dispose();
  return result;
}

function launchSingle(
  operands: Operands,
  keys: Tensor,
  outputs: readonly [output: Tensor, lse: Tensor],
  setting: Setting,
): void {
  const [q, k] = operands;
  const D = q.shape[3]!;
  const queries = q.size / D;
  // At least one for each vec4f of a row.
  const LANES = Math.max(lanesFor(q.runtime), 2 ** Math.ceil(Math.log2(D / 4)));
  launch(single, 'forward', {
    inputs: [...operands, keys],
    outputs,
    params: { ...sharedParams(operands, setting), queries, oAt: layoutOf(outputs[0]) },
    constants: { LANES },
    workgroups: queries,
    flops: flopsOf(q, k, 2),
    strided: true,
  });
}

/** dq, dk and dv, each in the memory order of its input. */
function gradients(
  dy: Tensor,
  saved: readonly Tensor[],
  wanted: readonly boolean[],
  setting: Setting,
): Gradients {
  const [q, k, v] = saved as Operands;
  const [keys, state, output, lse] = saved.slice(3) as [Tensor, Tensor, Tensor, Tensor];
  const dO = withDenseRows(dy, 4);
  const [B, H, Tq] = q.shape as Shape4;
  const params = { ...paramsOf([q, k, v], setting), oAt: layoutOf(output), dOAt: layoutOf(dO) };
  const stats = allocate(q.runtime, [B, H, Tq, 2], 'f32');
  const jobs = B * H * Tq;
  launch(kernel, 'delta', {
    inputs: [output, dO, lse],
    outputs: [stats],
    params: { ...params, jobs },
    workgroups: groupsFor(jobs),
    flops: 2 * q.size,
    strided: true,
  });
  const inputs = [q, k, v, keys, state, dO, stats];
  const gradientOf = (x: Tensor, entry: string, products: number, ofValues = false) => {
    const dx = allocateLike(x);
    const owned = { ...params, dxAt: layoutOf(dx) };
    const constants = { OF_VALUES: String(ofValues) };
    launchTiles(
      entry,
      { inputs, outputs: [dx], rows: x, params: owned, products, constants },
      setting,
    );
    return dx;
  };
  return [
    wanted[0] ? gradientOf(q, 'dq', 3) : null,
    wanted[1] ? gradientOf(k, 'dkv', 3) : null,
    wanted[2] ? gradientOf(v, 'dkv', 2, true) : null,
  ];
}

interface Tiles {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** The tensor whose rows the threads own. */
  readonly rows: Tensor;
  readonly params: ParamValues;
  /** Matrix products of Tq x D x Tk. */
  readonly products: number;
  readonly constants?: Constants;
}

function launchTiles(entry: string, tiles: Tiles, setting: Setting): void {
  const { p, causal, maskAt, documentsAt } = setting;
  const { inputs, outputs, rows, params, products, constants } = tiles;
  const [B, heads, T, D] = rows.shape as Shape4;
  const variant = variantOf(rows);
  const { threads, rowsPerGroup, columns, sizes } = geometryOf(variant, rows);
  const perHead = Math.ceil(T / rowsPerGroup);
  const chunks = Math.ceil(D / columns);
  const jobs = B * heads * perHead * chunks;
  // In the tiles' file dO has a binding in forward, too, so that all entry points share what loads; q stands in.
  const all = variant === 'tiles' && entry === 'forward' ? [...inputs, inputs[0]!] : inputs;
  launch(kernels[variant], entry, {
    inputs: all,
    outputs,
    params: { ...params, heads, tiles: perHead, chunks, jobs },
    constants: {
      ...constants,
      THREADS: threads,
      MASKED: String(maskAt >= 0),
      PACKED: String(documentsAt >= 0),
      DROPOUT: String(p > 0),
      ...sizes,
    },
    workgroups: jobs,
    flops: flopsOf(inputs[0]!, inputs[1]!, products) / (causal ? 2 : 1),
    strided: true,
  });
}

function variantOf(rows: Tensor): Variant {
  const [B, heads, T, D] = rows.shape as Shape4;
  const { gpu } = rows.runtime;
  const shapeClass = [B * heads, T, D].map(sizeClass).join(' ');
  return variantFor(rows.runtime, attentionFamily, shapeClass, (variant) => {
    if (variant === 'subgroups') return gpu.subgroupMinSize >= FEWEST_SHARING;
    return variant === 'registers' || D <= TILES_MAX_D;
  });
}

/** What a workgroup owns, and the constants that say so. */
interface Geometry {
  readonly threads: number;
  readonly rowsPerGroup: number;
  readonly columns: number;
  readonly sizes: Constants;
}

function geometryOf(variant: Variant, { shape, runtime: { gpu } }: Tensor): Geometry {
  const D = shape[3]!;
  if (variant === 'tiles') {
    const threads = TILE_THREADS;
    const pieces = 2 ** Math.ceil(Math.log2(Math.ceil(D / PIECE)));
    return { threads, rowsPerGroup: threads / 2, columns: D, sizes: { PIECES: pieces } };
  }
  const threads = gpu.adapter.software ? THREADS.software : THREADS.hardware;
  if (variant === 'rows') return { threads, rowsPerGroup: threads, columns: 8, sizes: {} };
  const rowsPerGroup = ROWS_PER_THREAD * threads;
  const wide = D > COLUMNS / 2;
  const WIDE = String(wide);
  const columns = wide ? COLUMNS : COLUMNS / 2;
  if (variant === 'registers') return { threads, rowsPerGroup, columns, sizes: { WIDE } };
  const WIDTH = gpu.subgroupMinSize < 8 ? FEWEST_SHARING : 8;
  return { threads, rowsPerGroup, columns, sizes: { WIDE, WIDTH } };
}

const flopsOf = (q: Tensor, k: Tensor, products: number) => products * 2 * q.size * k.shape[2]!;

/** The parameters of all entry points of attention.wgsl; those that only some of them use are 0. */
function paramsOf(operands: Operands, setting: Setting): ParamValues {
  const { stream, p, documentsAt } = setting;
  const unused = [0, 0, 0, 0];
  const layouts = { oAt: unused, dOAt: unused, dxAt: unused };
  return {
    ...sharedParams(operands, setting),
    jobs: 0,
    tiles: 0,
    chunks: 0,
    stream,
    p,
    documentsAt,
    ...layouts,
  };
}

/** The parameters that attention_single.wgsl has, too. */
function sharedParams([q, k, v]: Operands, setting: Setting): ParamValues {
  const [, H, Tq, D] = q.shape as Shape4;
  const [, Hkv, Tk] = k.shape as Shape4;
  const { scale, causal, maskAt, lengthsAt } = setting;
  const sizes = { heads: H, group: H / Hkv, Tq, Tk, D4: D / 4 };
  const layouts = { qAt: layoutOf(q), kAt: layoutOf(k), vAt: layoutOf(v) };
  return { ...sizes, scale, causal: Number(causal), maskAt, lengthsAt, ...layouts };
}

/** Strides along batch, head and time, and the start, in vec4f. */
function layoutOf(x: Tensor): number[] {
  const [batch, head, time] = x.strides as [number, number, number];
  return [batch, head, time, bindingStart(x)].map((n) => Math.floor(n / 4));
}

/** Without queries or without keys: zeros, and no gradient but zeros. */
function zeroAttention(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const zeros = (x: Tensor) => full(x.runtime, x.shape, 0, 'f32');
  const inputs = [q, k, v];
  const backward = () => inputs.map(zeros);
  return record({ name: 'attention', inputs, output: zeros(q), saved: [], backward });
}
