import {
  type CaseOptions,
  type ErrorCase,
  errorCase,
  type OpCase,
  opCase,
} from '../reference/case.ts';
import { f32, i32, type Random } from '../reference/random.ts';
import { bradleyTerryLoss, dpoLoss, gae, ppoLoss, ppoLossFromLogProbs } from '../reference/rl.ts';
import { LENGTHS } from './sizes.ts';

const GAMMA = { gamma: 0.99, lambda: 0.95 };

function estimated(T: number, N: number, attrs = GAMMA, ends = 0.1): OpCase {
  const shape = [T, N];
  return opCase(
    gae,
    `T ${T} N ${N} ${JSON.stringify(attrs)} ends ${ends}`,
    (random) => ({
      rewards: random.normal(shape),
      values: random.normal(shape),
      nextValues: random.normal(shape),
      terminated: ends === 0 ? f32(Array(T * N).fill(0), shape) : random.mask(shape, ends, 'f32'),
      truncated: ends === 0 ? f32(Array(T * N).fill(0), shape) : random.mask(shape, ends, 'f32'),
    }),
    attrs,
  );
}

const PPO = { clip: 0.2, valueClip: 0.2, valueCoef: 0.5, entropyCoef: 0.01 };
type PpoAttrs = { clip: number; valueClip?: number; valueCoef: number; entropyCoef: number };

/** log π of the old policy lies near the new one's, so that some ratios are clipped and some are not. */
function batchOf(random: Random, N: number, old: (i: number) => number) {
  const noise = random.normal([N], 0.2);
  return {
    oldLogProbs: f32(Array.from({ length: N }, (_, i) => old(i) + noise.data[i]!)),
    advantages: random.normal([N]),
    returns: random.normal([N]),
  };
}

interface Sample {
  N: number;
  A: number;
  attrs?: PpoAttrs;
  mask?: (random: Random, N: number) => ReturnType<typeof i32>;
  actionMask?: boolean;
}

/** Actions are drawn uniformly; an action that was taken is never masked. */
function ppoCase(
  name: string,
  { N, A, attrs = PPO, mask, actionMask }: Sample,
  options: CaseOptions = {},
) {
  return opCase(
    ppoLoss,
    name,
    (random) => {
      const actions = random.integers([N], A);
      const allowed = random.mask([N, A], 0.6, 'i32');
      actions.data.forEach((action, n) => {
        allowed.data[n * A + action] = 1;
      });
      const values = random.normal([N]);
      const near = random.normal([N], 0.2);
      return {
        logits: random.normal([N, A]),
        values,
        actions,
        ...batchOf(random, N, () => -Math.log(A)),
        ...(attrs.valueClip !== undefined && {
          oldValues: f32(Array.from(values.data, (v, i) => v + near.data[i]!)),
        }),
        ...(mask && { mask: mask(random, N) }),
        ...(actionMask && { actionMask: allowed }),
      };
    },
    attrs,
    options,
  );
}

function fromLogProbs(
  name: string,
  { N, attrs = PPO, mask }: Omit<Sample, 'A'>,
  options: CaseOptions = {},
) {
  return opCase(
    ppoLossFromLogProbs,
    name,
    (random) => {
      const logProbs = random.normal([N], 1, -1);
      const values = random.normal([N]);
      return {
        logProbs,
        entropy: random.uniform([N], 0.5, 2),
        values,
        ...batchOf(random, N, (i) => logProbs.data[i]!),
        ...(attrs.valueClip !== undefined && { oldValues: random.normal([N]) }),
        ...(mask && { mask: mask(random, N) }),
      };
    },
    attrs,
    options,
  );
}

const NO_VALUE_CLIP: PpoAttrs = { clip: 0.1, valueCoef: 1, entropyCoef: 0 };
const half = (random: Random, N: number) => random.mask([N], 0.5, 'i32');
const none = (_: Random, N: number) => i32(Array(N).fill(0));

const BATCHES = LENGTHS.filter((n) => n > 0);

const preference = (N: number, scale = 1) =>
  opCase(
    bradleyTerryLoss,
    `N ${N} scale ${scale}`,
    (random) => ({ chosen: random.normal([N], scale), rejected: random.normal([N], scale) }),
    {},
  );

const direct = (N: number, beta = 0.1, scale = 5) =>
  opCase(
    dpoLoss,
    `N ${N} beta ${beta} scale ${scale}`,
    (random) => ({
      policyChosen: random.normal([N], scale, -20),
      policyRejected: random.normal([N], scale, -20),
      refChosen: random.normal([N], scale, -20),
      refRejected: random.normal([N], scale, -20),
    }),
    { beta },
  );

const KINK = { differences: false };
/** Margins at which exp over- or underflows. */
const MARGINS = [-1e4, -89, -88, 0, 88, 89, 1e4];
const zerosLike = f32(MARGINS.map(() => 0));

export default [
  ...BATCHES.map((T) => estimated(T, 3)),
  ...BATCHES.map((N) => estimated(5, N)),
  estimated(33, 5, GAMMA, 0),
  estimated(33, 5, { gamma: 1, lambda: 1 }),
  estimated(33, 5, { gamma: 0.99, lambda: 0 }),
  estimated(7, 0),
  estimated(65, 4, GAMMA, 0.7), // often both flags are set: terminated wins
  opCase(
    gae,
    'extreme values',
    () => {
      const shape = [4, 1];
      const flag = f32([0, 1, 0, 0], shape);
      return {
        rewards: f32([1e30, -1e30, 65504, 1e-6], shape),
        values: f32([1e4, 0, -65504, 1], shape),
        nextValues: f32([0, -65504, 1, 1e4], shape),
        terminated: flag,
        truncated: f32([0, 0, 1, 0], shape),
      };
    },
    GAMMA,
  ),
  ...BATCHES.map((N) => ppoCase(`N ${N}`, { N, A: 4 })),
  ppoCase('no value clip', { N: 33, A: 5, attrs: NO_VALUE_CLIP }),
  ppoCase('sample mask', { N: 65, A: 3, mask: half }),
  ppoCase('action mask', { N: 63, A: 7, actionMask: true }),
  ppoCase('both masks', {
    N: 127,
    A: 5,
    mask: half,
    actionMask: true,
    attrs: { ...PPO, entropyCoef: 0.1 },
  }),
  ppoCase('everything masked', { N: 9, A: 3, mask: none }, { zeroGrad: ['logits', 'values'] }),
  ppoCase('two actions', { N: 31, A: 2 }),
  ppoCase('both masks, rows of whole vectors', { N: 31, A: 8, mask: half, actionMask: true }),
  ppoCase('many actions', { N: 9, A: 257 }),
  ppoCase('many actions, rows of whole vectors', { N: 9, A: 256, actionMask: true }),
  ppoCase('action mask and no value clip', {
    N: 17,
    A: 33,
    actionMask: true,
    attrs: NO_VALUE_CLIP,
  }),
  ppoCase(
    'entropy only',
    { N: 33, A: 5, attrs: { clip: 0.2, valueCoef: 0, entropyCoef: 1 } },
    { zeroGrad: ['values'] },
  ),
  ...BATCHES.map((N) => fromLogProbs(`N ${N}`, { N })),
  fromLogProbs('no value clip', { N: 33, attrs: NO_VALUE_CLIP }, { zeroGrad: ['entropy'] }),
  fromLogProbs('sample mask', { N: 65, mask: half }),
  fromLogProbs(
    'everything masked',
    { N: 9, mask: none },
    { zeroGrad: ['logProbs', 'entropy', 'values'] },
  ),
  ...BATCHES.map((N) => preference(N)),
  preference(33, 20),
  opCase(
    bradleyTerryLoss,
    'extreme margins',
    () => ({ chosen: f32(MARGINS), rejected: zerosLike }),
    {},
    KINK,
  ),
  ...BATCHES.map((N) => direct(N)),
  direct(33, 0.5, 20),
  opCase(
    dpoLoss,
    'extreme margins',
    () => ({
      policyChosen: f32(MARGINS),
      policyRejected: zerosLike,
      refChosen: zerosLike,
      refRejected: zerosLike,
    }),
    { beta: 1 },
    KINK,
  ),
];

export const large = [
  () => estimated(3, 1_398_081),
  () => ppoCase('over the grid', { N: 70_001, A: 3 }),
];

export const errors: ErrorCase[] = [
  errorCase('gae', 'shapes', 'ShapeError', /^gae: .*\[4, 2\].*\[4, 3\]/, (t) => [
    t([4, 2]),
    t([4, 2]),
    t([4, 3]),
    t([4, 2]),
    t([4, 2]),
    GAMMA,
  ]),
  errorCase(
    'bradleyTerryLoss',
    'shapes',
    'ShapeError',
    /^bradleyTerryLoss: .*\[4\].*\[5\]/,
    (t) => [t([4]), t([5])],
  ),
  errorCase('dpoLoss', 'shapes', 'ShapeError', /^dpoLoss: .*\[4\].*\[5\]/, (t) => [
    t([4]),
    t([4]),
    t([4]),
    t([5]),
    { beta: 0.1 },
  ]),
  errorCase('ppoLoss', 'float actions', 'DTypeError', /^ppoLoss: .*actions.*f32/, (t) => [
    t([4, 3]),
    t([4]),
    {
      actions: t([4]),
      oldLogProbs: t([4]),
      advantages: t([4]),
      returns: t([4]),
      oldValues: t([4]),
    },
    PPO,
  ]),
  errorCase('ppoLoss', 'batch', 'ShapeError', /^ppoLoss: .*advantages.*\[5\]/, (t) => [
    t([4, 3]),
    t([4]),
    {
      actions: t([4], 'i32'),
      oldLogProbs: t([4]),
      advantages: t([5]),
      returns: t([4]),
      oldValues: t([4]),
    },
    PPO,
  ]),
  errorCase(
    'ppoLossFromLogProbs',
    'batch',
    'ShapeError',
    /^ppoLossFromLogProbs: .*returns.*\[5\]/,
    (t) => [
      t([4]),
      t([4]),
      t([4]),
      { oldLogProbs: t([4]), advantages: t([4]), returns: t([5]), oldValues: t([4]) },
      PPO,
    ],
  ),
];
