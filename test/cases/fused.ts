import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import {
  addLayerNorm,
  addRmsNorm,
  linearCrossEntropy,
  policyHead,
  ropePair,
  swiglu,
} from '../reference/fused.ts';
import { f32, i32, type Random } from '../reference/random.ts';
import type { CrossEntropyOptions } from '../reference/softmax.ts';
import { describeShape } from './sizes.ts';

const normShapes = [[5], [3, 31], [2, 3, 65], [127, 4], [5, 257], [40, 33], [0, 5]];

interface Summed {
  name: string;
  attrs?: { eps?: number };
  differences?: boolean;
  sum(random: Random): { x: ReturnType<typeof f32>; residual: ReturnType<typeof f32> };
}

/** Both norms of a sum; weights around 1. */
function summed({ name, attrs = {}, differences, sum }: Summed): OpCase[] {
  const options = { ...(differences !== undefined && { differences }) };
  const weightFor = ({ shape }: { shape: readonly number[] }, random: Random) =>
    random.normal([shape.at(-1)!], 0.5, 1);
  const rms = (random: Random) => {
    const { x, residual } = sum(random);
    return { x, residual, weight: weightFor(x, random) };
  };
  const layer = (random: Random) => {
    const inputs = rms(random);
    return { ...inputs, bias: random.normal(inputs.weight.shape) };
  };
  return [
    opCase(addRmsNorm, name, rms, attrs, options),
    opCase(addLayerNorm, name, layer, attrs, options),
  ];
}

const sums = [
  ...normShapes.map((shape) => ({
    name: describeShape(shape),
    sum: (random: Random) => ({ x: random.normal(shape, 2, 0.5), residual: random.normal(shape) }),
  })),
  {
    name: 'eps 0.1',
    attrs: { eps: 0.1 },
    sum: (random: Random) => ({ x: random.normal([3, 33]), residual: random.normal([3, 33]) }),
  },
  {
    name: 'extreme values',
    differences: false,
    sum: () => ({
      x: f32([1e4, -1e4, 65504, 0, 1e15, -1e15, 3e14, 1], [2, 4]),
      residual: f32([-1e4, -1e4, 1, 0, 1e14, 1, 1, -1], [2, 4]),
    }),
  },
];

const unitShapes = [[1], [31], [3, 64], [2, 5, 33], [257, 4], [1100], [0, 3]];

const units = [
  ...unitShapes.map((shape) =>
    opCase(
      swiglu,
      describeShape(shape),
      (random) => ({ gate: random.normal(shape, 2), up: random.normal(shape) }),
      {},
    ),
  ),
  ...[[2], [3, 62], [2, 5, 66], [257, 8], [0, 4]].map((shape) =>
    opCase(
      swiglu,
      `packed ${describeShape(shape)}`,
      (random) => ({ gate: random.normal(shape, 2) }),
      {},
    ),
  ),
  opCase(
    swiglu,
    'extreme values',
    () => ({ gate: f32([-1e30, -100, -88, 88, 100, 1e15]), up: f32([1, 2, 3, 1, -2, 3]) }),
    {},
    { differences: false },
  ),
];

function turned(
  q: number[],
  k: number[],
  attrs: { base?: number; interleaved?: boolean; offset?: number } = {},
  positions?: number[],
): OpCase {
  const of = positions ? ` positions ${describeShape(positions)}` : '';
  return opCase(
    ropePair,
    `${describeShape(q)} ${describeShape(k)} ${JSON.stringify(attrs)}${of}`,
    (random) => ({
      q: random.normal(q),
      k: random.normal(k),
      positions: positions && random.integers(positions, 1000),
    }),
    attrs,
  );
}

const pairs = [
  turned([1, 2], [1, 2]),
  turned([3, 4], [3, 4], { interleaved: true }),
  turned([2, 4, 7, 8], [2, 2, 7, 8]),
  turned([2, 6, 33, 16], [2, 1, 33, 16], { interleaved: true }),
  turned([1, 3, 5, 6], [1, 3, 5, 6], { offset: 1000, base: 500_000 }),
  turned([2, 4, 7, 8], [2, 2, 7, 8], {}, [7]),
  turned([2, 4, 7, 8], [2, 2, 7, 8], {}, [2, 7]),
  turned([2, 0, 4], [2, 0, 4]),
  opCase(
    ropePair,
    'extreme values',
    () => ({ q: f32([1e30, -1e30, 65504, 0], [1, 4]), k: f32([1, -1e30, 0, 1e30], [1, 4]) }),
    { offset: 3 },
    { differences: false },
  ),
];

/** With a mask, a third of the actions is forbidden, never the one taken. */
function policy(lead: number[], A: number, mask?: 'f32' | 'i32' | 'u32'): OpCase {
  const shape = [...lead, A];
  return opCase(
    policyHead,
    `${describeShape(shape)}${mask ? ` mask ${mask}` : ''}`,
    (random) => {
      const actions = random.integers(lead, A);
      const actionMask = mask && random.mask(shape, 0.67, mask);
      actions.data.forEach((action, n) => {
        if (actionMask) actionMask.data[n * A + action] = 1;
      });
      return { logits: random.normal(shape, 2), actions, actionMask };
    },
    {},
    { zeroGrad: A === 1 ? ['logits'] : [] },
  );
}

const policies = [
  policy([1], 1),
  policy([3], 2),
  policy([65], 4),
  policy([2, 7], 5),
  policy([5], 33),
  policy([3], 257),
  policy([], 6),
  policy([0], 4),
  policy([31], 4, 'i32'),
  policy([7], 65, 'f32'),
  policy([2, 3], 9, 'u32'),
  opCase(
    policyHead,
    'no allowed action in a row',
    () => ({
      logits: f32([1, 2, 3, 1, 2, 3], [2, 3]),
      actions: i32([0, 2]),
      actionMask: i32([0, 0, 0, 1, 0, 1], [2, 3]),
    }),
    {},
  ),
  opCase(
    policyHead,
    'extreme logits',
    () => ({ logits: f32([1e4, 9999, 0, -1e4, 88, 89, -88, 0], [2, 4]), actions: i32([1, 2]) }),
    {},
    { differences: false },
  ),
];

interface Head {
  lead: number[];
  C: number;
  V: number;
  attrs?: CrossEntropyOptions & { chunk?: number };
  ignored?: boolean;
}

/** With `ignored`, every third target is the ignored one. */
function head({ lead, C, V, attrs = {}, ignored = false }: Head): OpCase {
  const shape = [...lead, C];
  return opCase(
    linearCrossEntropy,
    `${describeShape(shape)} to ${V} ${JSON.stringify(attrs)}${ignored ? ' some ignored' : ''}`,
    (random) => {
      const targets = random.integers(lead, V);
      for (let i = 0; ignored && i < targets.data.length; i += 3) targets.data[i] = -100;
      return { hidden: random.normal(shape), weight: random.normal([V, C], 0.5), targets };
    },
    attrs,
    // One word is always certain; without positions nothing reaches the weight.
    { zeroGrad: V === 1 ? ['hidden', 'weight'] : lead[0] === 0 ? ['weight'] : [] },
  );
}

const heads = [
  head({ lead: [3], C: 4, V: 1 }),
  head({ lead: [1], C: 3, V: 5 }),
  head({ lead: [], C: 8, V: 33 }),
  head({ lead: [0], C: 4, V: 5 }),
  ...[1, 3, 4, 100].map((chunk) => head({ lead: [2, 7], C: 9, V: 65, attrs: { chunk } })),
  ...(['sum', 'none'] as const).flatMap((reduction) => [
    head({ lead: [7], C: 16, V: 31, attrs: { reduction } }),
    head({ lead: [33], C: 6, V: 127, attrs: { reduction, chunk: 10 }, ignored: true }),
  ]),
  head({ lead: [13], C: 5, V: 40, attrs: { labelSmoothing: 0.1, chunk: 4 }, ignored: true }),
  opCase(
    linearCrossEntropy,
    'extreme logits',
    () => ({
      hidden: f32([100, -100, 0, 1, 88, -88], [3, 2]),
      weight: f32([100, 0, 0, 100, 1, 1, -1, 0.5], [4, 2]),
      targets: i32([0, 2, 1]),
    }),
    { chunk: 2 },
    { differences: false },
  ),
];

export default [...sums.flatMap(summed), ...units, ...pairs, ...policies, ...heads];

export const large = [() => policy([70_001], 3)];

export const errors: ErrorCase[] = [
  ...['addLayerNorm', 'addRmsNorm'].map((op) =>
    errorCase(op, 'residual', 'ShapeError', new RegExp(`^${op}: residual.*\\[5, 3\\]`), (t) => [
      t([3, 5]),
      t([5, 3]),
      t([5]),
      t([5]),
    ]),
  ),
  errorCase('swiglu', 'shapes', 'ShapeError', /^swiglu: up.*\[4\]/, (t) => [t([3]), t([4])]),
  errorCase('swiglu', 'odd packed width', 'ShapeError', /^swiglu: .*\[2, 3\]/, (t) => [t([2, 3])]),
  errorCase('swiglu', 'integers', 'DTypeError', /^swiglu: .*i32/, (t) => [t([4], 'i32')]),
  errorCase('ropePair', 'lengths', 'ShapeError', /^ropePair: .*\[3, 4\].*\[5, 4\]/, (t) => [
    t([3, 4]),
    t([5, 4]),
  ]),
  errorCase('policyHead', 'actions', 'ShapeError', /^policyHead: actions.*\[4\]/, (t) => [
    t([3, 5]),
    t([4], 'i32'),
  ]),
  errorCase('policyHead', 'float actions', 'DTypeError', /^policyHead: .*actions.*f32/, (t) => [
    t([3, 5]),
    t([3]),
  ]),
  errorCase(
    'linearCrossEntropy',
    'widths',
    'ShapeError',
    /^linearCrossEntropy: .*\[4, 9\].*\[20, 8\]/,
    (t) => [t([4, 9]), t([20, 8]), t([4], 'i32')],
  ),
];
