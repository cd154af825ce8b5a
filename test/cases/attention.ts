import type { Input } from '../reference/array.ts';
import { attention, rope } from '../reference/attention.ts';
import {
  type CaseOptions,
  type ErrorCase,
  errorCase,
  type OpCase,
  opCase,
} from '../reference/case.ts';
import { f32, i32 } from '../reference/random.ts';
import { describeShape } from './sizes.ts';

type RopeOptions = { base?: number; interleaved?: boolean; offset?: number };

function rotated(shape: number[], attrs: RopeOptions = {}): OpCase {
  const name = `${describeShape(shape)} ${JSON.stringify(attrs)}`;
  return opCase(rope, name, (random) => ({ x: random.normal(shape) }), attrs);
}

/** Positions instead of an offset, as left-padded and packed batches have them. */
const positioned = (x: number[], positions: number[], attrs: RopeOptions = {}) =>
  opCase(
    rope,
    `${describeShape(x)} positions ${describeShape(positions)} ${JSON.stringify(attrs)}`,
    (random) => ({ x: random.normal(x), positions: random.integers(positions, 1000) }),
    attrs,
  );

const ropeShapes = [
  [1, 2],
  [3, 4],
  [31, 6],
  [2, 33, 16],
  [2, 3, 7, 10],
  [1, 2, 65, 8],
  [2, 0, 4],
  [0, 3, 4],
];

const ropes = [
  ...ropeShapes.flatMap((shape) => [
    rotated(shape, { interleaved: false }),
    rotated(shape, { interleaved: true }),
  ]),
  rotated([5, 64]),
  rotated([3, 127, 2]),
  rotated([2, 5, 32], { offset: 1000 }),
  rotated([2, 1, 32], { offset: 131_071, base: 500_000 }), // a late position: the angle needs float64
  rotated([2, 9, 8], { base: 100, interleaved: true, offset: 7 }),
  positioned([2, 3, 7, 8], [7]),
  positioned([2, 3, 7, 8], [2, 7]),
  positioned([2, 3, 7, 8], [2, 7], { interleaved: true }),
  positioned([3, 5, 4], [3, 5]),
  opCase(
    rope,
    'extreme values',
    () => ({ x: f32([1e30, -1e30, 65504, 0], [1, 4]) }),
    { offset: 3 },
    {
      differences: false,
    },
  ),
];

interface Shape {
  B?: number;
  H: number;
  Hkv?: number;
  Tq: number;
  Tk?: number;
  D: number;
}

interface Masks {
  causal?: boolean;
  scale?: number;
  keyMask?: (tokens: number, batch: number) => number;
  keyLengths?: number[];
  /** Lengths of the documents in each sequence; what is left after them is padding, which sees nothing. */
  documents?: number[][];
}

/** [B, T, 2]: where each position's document begins and ends. */
function boundsOf(documents: number[][], T: number): Input {
  const bounds = documents.flatMap((lengths) => {
    const ranges = lengths.flatMap((length, n) => {
      const begin = lengths.slice(0, n).reduce((sum, each) => sum + each, 0);
      return Array.from({ length }, () => [begin, begin + length]);
    });
    const padding = Array.from({ length: T - ranges.length }, (_, i) => ranges.length + i);
    return [...ranges, ...padding.map((t) => [t, t])].flat();
  });
  return i32(bounds, [documents.length, T, 2]);
}

function attend(
  name: string,
  { B = 1, H, Hkv = H, Tq, Tk = Tq, D }: Shape,
  { keyMask, keyLengths, documents, ...attrs }: Masks = {},
  options: CaseOptions = {},
): OpCase {
  const mask = Array.from({ length: B * Tk }, (_, i) => keyMask?.(i % Tk, Math.floor(i / Tk)) ?? 1);
  return opCase(
    attention,
    name,
    (random) => ({
      q: random.normal([B, H, Tq, D]),
      k: random.normal([B, Hkv, Tk, D]),
      v: random.normal([B, Hkv, Tk, D]),
      ...(keyMask && { keyMask: i32(mask, [B, Tk]) }),
      ...(keyLengths && { keyLengths: i32(keyLengths) }),
      ...(documents && { documents: boundsOf(documents, Tk) }),
    }),
    attrs,
    options,
  );
}

const causal = { causal: true };
const hides =
  (...keys: number[]) =>
  (j: number) =>
    keys.includes(j) ? 0 : 1;

/** T, D: around the tiles of rows and keys, head sizes that are no power of two. */
const squares: [number, number][] = [
  [3, 2],
  [31, 8],
  [33, 4],
  [63, 8],
  [65, 16],
  [127, 4],
  [5, 40],
  [7, 65],
  [17, 80],
  [9, 128],
];

const attentions = [
  attend('one token', { H: 1, Tq: 1, D: 3 }, {}, { zeroGrad: ['q', 'k'] }),
  ...squares.flatMap(([T, D]) => [
    attend(`T ${T} D ${D}`, { H: 1, Tq: T, D }),
    attend(`T ${T} D ${D} causal`, { H: 1, Tq: T, D }, causal),
  ]),
  attend('T 257 causal', { H: 1, Tq: 257, D: 4 }, causal),
  attend('batch and heads', { B: 2, H: 3, Tq: 9, D: 8 }, causal),
  attend('no batch', { B: 0, H: 2, Tq: 3, D: 4 }),
  attend('no queries', { H: 2, Tq: 0, Tk: 3, D: 4 }),
  attend('no keys', { H: 2, Tq: 3, Tk: 0, D: 4 }, {}, { zeroGrad: ['q'] }),
  attend('grouped 4 to 2', { B: 2, H: 4, Hkv: 2, Tq: 7, D: 8 }, causal),
  attend('grouped 6 to 3', { H: 6, Hkv: 3, Tq: 5, D: 4 }),
  attend('one key head for all', { B: 2, H: 5, Hkv: 1, Tq: 9, D: 6 }, causal),
  attend('cross', { B: 2, H: 2, Tq: 7, Tk: 33, D: 8 }),
  attend('one query, cached keys', { B: 2, H: 4, Hkv: 2, Tq: 1, Tk: 65, D: 8 }, causal),
  attend('chunk after a cache', { H: 2, Hkv: 1, Tq: 5, Tk: 70, D: 8 }, causal),
  attend('own scale', { H: 2, Tq: 9, D: 8 }, { causal: true, scale: 0.7 }),
  attend('large logits', { H: 1, Tq: 9, D: 4 }, { scale: 15 }, { differences: false }),
  attend('key mask', { B: 2, H: 2, Tq: 9, D: 8 }, { keyMask: (j, b) => (j % 3 === b ? 0 : 1) }),
  attend('key mask and causal', { H: 2, Tq: 33, D: 8 }, { causal: true, keyMask: hides(2, 5, 32) }),
  attend(
    'left padding',
    { B: 2, H: 2, Tq: 9, D: 4 },
    {
      causal: true,
      keyMask: (j, b) => (b === 1 && j < 4 ? 0 : 1),
    },
  ),
  attend('key lengths', { B: 3, H: 2, Tq: 5, Tk: 33, D: 8 }, { keyLengths: [33, 1, 17] }),
  attend(
    'key lengths of a padded batch, causal',
    { B: 2, H: 2, Tq: 9, D: 4 },
    {
      causal: true,
      keyLengths: [9, 4],
    },
  ),
  attend('one batch with no key', { B: 2, H: 2, Tq: 5, D: 4 }, { keyLengths: [0, 3] }),
  attend(
    'everything masked',
    { B: 1, H: 2, Tq: 5, D: 4 },
    { keyMask: () => 0 },
    { zeroGrad: ['q', 'k', 'v'] },
  ),
  attend('more queries than keys: the first rows see none', { H: 2, Tq: 9, Tk: 4, D: 4 }, causal),
  attend(
    'lengths, mask and grouped heads',
    { B: 2, H: 4, Hkv: 2, Tq: 7, D: 8 },
    {
      causal: true,
      keyLengths: [7, 5],
      keyMask: hides(1),
    },
  ),
];

/** Documents that end within, on and beyond the tiles' borders. */
const packed = [
  attend('documents', { B: 2, H: 2, Tq: 9, D: 4 }, { documents: [[4, 5], [9]] }),
  attend(
    'documents, causal',
    { B: 2, H: 2, Tq: 9, D: 4 },
    { causal: true, documents: [[1, 3, 5], [8]] },
  ),
  attend(
    'documents over several tiles',
    { H: 1, Tq: 130, D: 4 },
    { documents: [[3, 61, 33, 1, 30]] },
  ),
  attend(
    'documents over several tiles, causal and padded',
    { H: 2, Tq: 130, D: 8 },
    { causal: true, documents: [[32, 32, 6, 40]] },
  ),
  attend(
    'four tokens of two documents',
    { H: 1, Tq: 4, D: 8 },
    { causal: true, documents: [[2, 2]] },
  ),
  attend(
    'documents, lengths and grouped heads',
    { B: 2, H: 4, Hkv: 2, Tq: 37, D: 6 },
    {
      causal: true,
      keyLengths: [37, 30],
      documents: [
        [11, 26],
        [5, 9, 22],
      ],
    },
  ),
];

export default [...ropes, ...attentions, ...packed];

export const large = [() => rotated([65_537, 2, 32])];

const cube = (H: number, T: number, D: number) => [2, H, T, D];

export const errors: ErrorCase[] = [
  errorCase('rope', 'odd width', 'ShapeError', /^rope: .*\[4, 7\]/, (t) => [t([4, 7])]),
  errorCase('rope', 'positions', 'ShapeError', /^rope: .*positions.*\[3\]/, (t) => [
    t([4, 8]),
    { positions: t([3], 'i32') },
  ]),
  errorCase('rope', 'float positions', 'DTypeError', /^rope: .*positions.*f32/, (t) => [
    t([4, 8]),
    { positions: t([4]) },
  ]),
  errorCase(
    'attention',
    'head sizes',
    'ShapeError',
    /^attention: .*\[2, 3, 5, 8\].*\[2, 3, 5, 4\]/,
    (t) => [t(cube(3, 5, 8)), t(cube(3, 5, 4)), t(cube(3, 5, 4))],
  ),
  errorCase('attention', 'heads that do not divide', 'ShapeError', /^attention: .*3.*2/, (t) => [
    t(cube(3, 5, 8)),
    t(cube(2, 5, 8)),
    t(cube(2, 5, 8)),
  ]),
  errorCase(
    'attention',
    'k and v differ',
    'ShapeError',
    /^attention: .*\[2, 3, 5, 8\].*\[2, 3, 6, 8\]/,
    (t) => [t(cube(3, 5, 8)), t(cube(3, 5, 8)), t(cube(3, 6, 8))],
  ),
  errorCase('attention', 'key mask', 'ShapeError', /^attention: .*keyMask.*\[2, 4\]/, (t) => [
    t(cube(3, 5, 8)),
    t(cube(3, 5, 8)),
    t(cube(3, 5, 8)),
    { keyMask: t([2, 4], 'i32') },
  ]),
  errorCase('attention', 'documents', 'ShapeError', /^attention: .*documents.*\[2, 5\]/, (t) => [
    t(cube(3, 5, 8)),
    t(cube(3, 5, 8)),
    t(cube(3, 5, 8)),
    { documents: t([2, 5], 'i32') },
  ]),
];
