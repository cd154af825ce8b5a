// Every op on the device against its float64 reference, in the middle of a graph, from dense inputs and from views;
// second derivatives against float64 differences; PyTorch's values; calls that have to fail.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TensorError } from '../src/errors.ts';
import * as index from '../src/index.ts';
import { Device } from '../src/ops/device.ts';
import * as rl from '../src/rl/index.ts';
import { grad } from '../src/tensor/tape.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { families } from './cases/index.ts';
import { call, type Layout, placeAll, project, run, runTwice, uploadAll } from './ops/in_graph.ts';
import { type DType, type Input, maxAbs, type Ref, zeros } from './reference/array.ts';
import { type Api, completeCase, type OpCase } from './reference/case.ts';
import { expectClose, isClose, type Tolerance } from './reference/close.ts';
import { goldenCases } from './reference/golden.ts';
import { projection, secondSlopes } from './reference/second_differences.ts';

const api = { ...index, ...rl } as unknown as Api<Tensor>;
const cases = Object.values(families).flatMap((family) => family.cases);
const title = ({ op, name }: OpCase) => `${op}: ${name}`;
const titled = (some: readonly OpCase[]) => some.map((each) => [title(each), each] as const);

/** They have no composed backward, and say so. */
const ONCE_ONLY = [
  'attention',
  'crossEntropy',
  'linearCrossEntropy',
  'ppoLoss',
  'ppoLossFromLogProbs',
];

let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

const MIN_NORMAL = 2 ** -126;
const isSubnormal = (value: number) => value !== 0 && Math.abs(value) < MIN_NORMAL;

/** WGSL may take subnormal numbers for 0: the case with such inputs. Null if it has no subnormal ones. */
function flushed(each: OpCase): OpCase | null {
  const inputs = Object.values(each.inputs);
  if (!inputs.some(({ dtype, data }) => dtype === 'f32' && data.some(isSubnormal))) return null;
  const flush = (x: Input): Input => ({ ...x, data: x.data.map((v) => (isSubnormal(v) ? 0 : v)) });
  const zeroed = Object.fromEntries(
    Object.entries(each.inputs).map(([name, x]) => [name, flush(x)]),
  );
  const outputs = each.reference.forward(zeroed, each.attrs);
  return completeCase(each.reference, each.name, zeroed, each.attrs, outputs, each.dout ?? {});
}

type Results = Awaited<ReturnType<typeof run>>;

function compare(label: string, { outputs, grads, atLeaf }: Results, want: OpCase): void {
  for (const [name, { shape, data }] of Object.entries(want.outputs)) {
    expect(outputs[name]?.shape, `${label}, ${name}`).toEqual(shape);
    expectClose(outputs[name]!.data, data, want.tolerance, `${label}, ${name}`);
  }
  for (const [name, gradient] of Object.entries(want.grads ?? {})) {
    const { shape, data } = atLeaf[name]!(gradient);
    expect(grads[name]?.shape, `${label}, gradient of ${name}`).toEqual(shape);
    const tolerance = want.gradTolerances[name]!;
    expectClose(grads[name]!.data, data, tolerance, `${label}, gradient of ${name}`);
  }
}

async function check(label: string, each: OpCase, layout: Layout): Promise<void> {
  const results = await run(device, api, each, layout);
  try {
    compare(label, results, each);
  } catch (error) {
    const other = flushed(each);
    if (!other) throw error;
    compare(`${label}, subnormal numbers taken for 0`, results, other);
  }
}

describe.each(Object.entries(families))('%s', (_, family) => {
  it.concurrent.each(titled(family.cases))('%s', async (label, each) => {
    await check(label, each, 'dense');
  });

  it.concurrent.each(titled(family.cases))('%s, from views', async (label, each) => {
    await check(label, each, 'view');
  });
});

describe('PyTorch', () => {
  /** Relative to the largest element: 1e-5, and 1e-4 through attention and cross-entropy over 1,000 wide. */
  function golden(each: OpCase): OpCase {
    const wide = each.op === 'crossEntropy' && each.inputs.logits!.shape.at(-1)! > 1000;
    const relative = each.op === 'attention' || wide ? 1e-4 : 1e-5;
    const within = (...arrays: Ref[]) => ({ rtol: 0, atol: relative * maxAbs(...arrays) });
    const gradients = Object.entries(each.grads ?? {});
    return {
      ...each,
      tolerance: within(...Object.values(each.outputs)),
      gradTolerances: Object.fromEntries(gradients.map(([name, g]) => [name, within(g)])),
    };
  }

  it.concurrent.each(titled(goldenCases().map(golden)))('%s', async (label, each) => {
    await check(label, each, 'dense');
    await check(label, each, 'view');
  });
});

describe('differentiated twice', () => {
  const nonEmpty = (arrays: Readonly<Record<string, Ref>> = {}) =>
    Object.values(arrays).some(({ data }) => data.length > 0);
  const twice = cases.filter(
    ({ op, dout, differences }) => differences && nonEmpty(dout) && !ONCE_ONLY.includes(op),
  );

  /** The slopes are near 1 in size; what cancels in them is not much larger. */
  const toleranceFor = (slopes: Float64Array): Tolerance => ({
    rtol: 3e-4,
    atol: 2e-5 * (1 + maxAbs({ shape: [], data: slopes })),
  });

  it.concurrent.each(titled(twice))('%s', async (label, each) => {
    const weights = projection(each);
    const got = await runTwice(device, api, each, weights);
    for (const [name, { shape, data }] of Object.entries(each.grads!)) {
      const composed = got.gradients[name]?.data ?? zeros(shape).data;
      const { rtol, atol } = each.gradTolerances[name]!;
      const tolerance = { rtol: 4 * rtol, atol: 4 * atol }; // more roundings than in one kernel
      expectClose(composed, data, tolerance, `${label}, composed gradient of ${name}`);
    }
    for (const at of ['inputs', 'dout'] as const) {
      for (const [name, second] of Object.entries(got[at])) {
        const { shape } = each[at]![name]!;
        const values = second?.data ?? zeros(shape).data;
        const found = secondSlopes(each, weights, at, name, values);
        const tolerance = toleranceFor(found.differences);
        expectClose(found.second, found.differences, tolerance, `${label}, second by ${name}`);
      }
    }
  });

  it('gives second derivatives that the check refuses when they are wrong by 0.1 %', () => {
    const each = cases.find(({ op, name }) => op === 'softmax' && name.startsWith('[5, 6]'))!;
    const weights = projection(each);
    const nothing = new Float64Array(each.inputs.x!.data.length);
    const { differences } = secondSlopes(each, weights, 'inputs', 'x', nothing);
    expect(maxAbs({ shape: [], data: differences })).toBeGreaterThan(0.01);
    const wrong = differences.map((slope) => 1.001 * slope);
    expect(isClose(wrong, differences, toleranceFor(differences))).toBe(false);
  });

  it.each(ONCE_ONLY)('%s says that it has no second derivative', (op) => {
    const each = cases.find((candidate) => candidate.op === op && nonEmpty(candidate.dout))!;
    device.scope(() => {
      const placed = placeAll(device, each, 'dense');
      const total = project(call(api, each, placed), uploadAll(device, each.dout!));
      const inputs = Object.keys(each.grads!).map((name) => placed[name]!.x);
      expect(() => grad(total, inputs, { createGraph: true })).toThrow(
        new TensorError(`${op}: has no second derivative; differentiate it without createGraph`),
      );
      for (const { leaf } of Object.values(placed)) leaf?.dispose();
    });
  });
});

describe('calls that cannot work', () => {
  const errors = Object.values(families).flatMap((family) => family.errors);

  it.each(errors.map((each) => [`${each.op}: ${each.name}`, each] as const))('%s', (_, each) => {
    device.scope(() => {
      const zeros = (shape: readonly number[], dtype: DType = 'f32') =>
        device.zeros(shape, { dtype });
      expect(() => each.call(api, zeros)).toThrow(
        expect.objectContaining({
          name: each.error,
          message: expect.stringMatching(each.message),
        }),
      );
    });
  });
});

// After a first run, which fills what some ops keep: RoPE's angles, the state of the random numbers.
it('gives back every tensor that the ops make', async () => {
  const again = [...new Map(cases.map((each) => [each.op, each])).values()];
  const { tensors, bytesInUse } = device.memory();
  for (const each of again) await run(device, api, each, 'view');
  expect(device.memory()).toMatchObject({ tensors, bytesInUse });
});
