// Environments as kernels against those in TypeScript, step by step from the same states: episodes drift apart where
// motion is chaotic, so that each step starts from the host's.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/ops/device.ts';
import { ENVIRONMENT_KERNELS } from '../../src/rl/env/kernels.ts';
import type { Space, Value } from '../../src/rl/environment.ts';
import {
  KernelEnvironment,
  makeEnvironment,
  RandomSequence,
  VectorEnvironment,
} from '../../src/rl/index.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

const N = 70; // more than a workgroup
const T = 3;
const SEED = 5;

interface Snapshot {
  copies: { random: { position: number }; state: number | number[]; steps: number }[];
}

const flat = (values: readonly Value[]) =>
  values.flatMap((v) => (typeof v === 'number' ? [v] : [...v]));

function randomAction(space: Space, random: RandomSequence): Value {
  if (space.kind === 'discrete') return random.integer(space.n);
  return Float64Array.from(space.low, (low, i) => 1.2 * random.uniform(low, space.high[i]!));
}

const clamped = (space: Space, action: Value): Value =>
  space.kind === 'discrete' || typeof action === 'number'
    ? action
    : action.map((x, i) => Math.min(space.high[i]!, Math.max(space.low[i]!, x)));

function expectNear(got: ArrayLike<number>, want: ArrayLike<number>, what: string) {
  expect(got.length, what).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const tolerance = 2e-6 * Math.max(1, Math.abs(want[i]!));
    if (!(Math.abs(got[i]! - want[i]!) <= tolerance))
      throw new Error(`${what}: number ${i} is ${got[i]}, expected ${want[i]}`);
  }
}

/** How many steps, so that many episodes end, by an end and by the limit. */
const STEPS: Readonly<Record<string, number>> = { 'CartPole-v1': 60, 'CartPoleNoVelocity-v1': 30 };

describe.each(Object.keys(ENVIRONMENT_KERNELS))('%s', (id) => {
  test('equals the TypeScript one at every step, ends and resets included', async () => {
    const host = new VectorEnvironment(() => makeEnvironment(id), N);
    const { observations } = host.reset(SEED);
    const kernel = await KernelEnvironment.open(device, id, { count: N, seed: SEED, rows: T });
    expectNear(await kernel.observations.data(), flat(observations), 'first observations');
    const random = new RandomSequence({ seed: 3 });
    const totals = new Float64Array(N);
    let ends = 0;
    for (let t = 0; t < STEPS[id]!; t++) {
      kernel.states.write(
        (host.snapshot() as unknown as Snapshot).copies.flatMap(({ state }) => state),
      );
      const actions = Array.from({ length: N }, () => randomAction(host.actionSpace, random));
      const before = await kernel.observations.data();
      const dtype = host.actionSpace.kind === 'discrete' ? 'i32' : 'f32';
      kernel.step(device.tensor(Float64Array.from(flat(actions)), { dtype }), t % T);
      const step = host.step(actions.map((action) => clamped(host.actionSpace, action)));

      const row = async (x: { data(): Promise<ArrayLike<number>> }, of = 1, plane = 0) => {
        const all = Array.from(await x.data());
        const size = all.length / (T * of);
        const begin = (plane * T + (t % T)) * size;
        return all.slice(begin, begin + size);
      };
      const outcome = (plane: number) => row(kernel.steps.outcomes, 5, plane);
      expectNear(await row(kernel.steps.observations), before, 'what was acted on');
      expectNear(await row(kernel.steps.actions), flat(actions), 'actions');
      expectNear(await row(kernel.steps.following), flat(step.finalObservations), 'what followed');
      expectNear(await kernel.observations.data(), flat(step.observations), 'what to act on');
      expectNear(await outcome(0), step.rewards, 'rewards');
      expect(await outcome(1)).toEqual([...step.terminated]);
      expect(await outcome(2)).toEqual([...step.truncated]);

      for (const [i, reward] of step.rewards.entries()) totals[i]! += reward;
      const [returns, lengths] = [new Float64Array(N), new Float64Array(N)];
      for (const { copy, length, return: total } of step.episodes) {
        returns[copy] = total;
        lengths[copy] = length;
        totals[copy] = 0;
        ends++;
      }
      expectNear(await outcome(3), returns, 'returns');
      expect(await outcome(4)).toEqual([...lengths]);
      const accounts = (await kernel.accounts.data()) as Uint32Array;
      const { copies } = host.snapshot() as unknown as Snapshot;
      for (const [i, { random, steps }] of copies.entries())
        expect([...accounts.slice(3 * i, 3 * i + 2)]).toEqual([random.position, steps]);
      const running = new Float32Array(accounts.buffer).filter((_, i) => i % 3 === 2);
      expectNear(running, totals, 'returns under way');
    }
    expect(ends).toBeGreaterThan(N / 2);
    kernel.dispose();
  });
});
