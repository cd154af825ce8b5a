// Environments as kernels against those in TypeScript, step by step from the same states: episodes drift apart where
// motion is chaotic, so that each step starts from the host's.

import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/io/json.ts';
import { ENVIRONMENT_KERNELS } from '../../src/rl/env/kernels.ts';
import type { Space, Value } from '../../src/rl/environment.ts';
import {
  environmentEntry,
  KernelEnvironment,
  makeEnvironment,
  RandomSequence,
  VectorEnvironment,
} from '../../src/rl/index.ts';
import { encode } from '../../src/rl/rollout.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

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

/** Where some copies begin, so that what is rare comes within few steps: an end, an angle of more than a turn. */
const BEGINNINGS: Readonly<Record<string, number | number[]>> = {
  'Breakout10x10-v0': [5, 8, 1, 1, 5, ...new Array<number>(30).fill(0)], // a wall just cleared
  'CartPole-v1': [2.3, 1.5, 0.1, 0.5],
  'CartPoleNoVelocity-v1': [-2.3, -1, -0.15, -0.5],
  'GridWorld-v0': 23,
  'Maze-v0': 107,
  'MountainCar-v0': [0.45, 0.04],
  'Pendulum-v1': [9.5, 7.9],
  'PendulumNoVelocity-v1': [-9.5, -7.9],
};
const STEPS = 25;

/** Every third copy begins as above, every second with a few steps left. */
function begin(host: VectorEnvironment, kernel: KernelEnvironment, id: string): void {
  const { limit } = environmentEntry(id);
  const snapshot = host.snapshot() as unknown as Snapshot;
  const copies = snapshot.copies.map((copy, i) => ({
    ...copy,
    state: i % 3 === 0 ? BEGINNINGS[id]! : copy.state,
    steps: i % 2 === 0 ? limit - 1 - (i % 20) : 0,
  }));
  const lengths = copies.map(({ steps }) => steps);
  host.restore({ ...snapshot, copies, lengths } as unknown as Json);
  kernel.accounts.write(copies.flatMap(({ random, steps }) => [random.position, steps, 0]));
}

/** The kernel keeps the bricks, which are the state's last 30 numbers, as bits. */
function breakoutWords(state: number[]): number[] {
  const bits = state.slice(5).reduce((sum, brick, i) => sum + brick * 2 ** i, 0);
  return [...state.slice(0, 5), bits];
}

function writeStates(host: VectorEnvironment, kernel: KernelEnvironment): void {
  const { copies } = host.snapshot() as unknown as Snapshot;
  const words = (state: number | number[]) =>
    Array.isArray(state) && state.length > 30 ? breakoutWords(state) : state;
  kernel.states.write(copies.flatMap(({ state }) => words(state)));
}

describe.each(Object.keys(ENVIRONMENT_KERNELS))('%s', (id) => {
  test('equals the TypeScript one at every step, ends and resets included', async () => {
    const host = new VectorEnvironment(() => makeEnvironment(id), N);
    const space = host.observationSpace;
    const { observations } = host.reset(SEED);
    const kernel = await KernelEnvironment.open(device, id, { count: N, seed: SEED, rows: T });
    expectNear(await kernel.observations.data(), encode(space, observations), 'first observations');
    begin(host, kernel, id);
    const random = new RandomSequence({ seed: 3 });
    const totals = new Float64Array(N);
    const ends = { terminated: 0, truncated: 0 };
    for (let t = 0; t < STEPS; t++) {
      writeStates(host, kernel);
      const before = await kernel.observations.data();
      const actions = Array.from({ length: N }, () => randomAction(host.actionSpace, random));
      const dtype = host.actionSpace.kind === 'discrete' ? 'i32' : 'f32';
      kernel.step(device.tensor(Float64Array.from(flat(actions)), { dtype }), t % T);
      const step = host.step(actions.map((action) => clamped(host.actionSpace, action)));

      const row = async (x: Tensor) => {
        const all = Array.from(await x.data());
        const size = all.length / T;
        return all.slice((t % T) * size, ((t % T) + 1) * size);
      };
      const all = Array.from(await kernel.steps.outcomes.data());
      const outcome = (plane: number) => all.slice((plane * T + (t % T)) * N).slice(0, N);
      expectNear(await row(kernel.steps.observations), before, 'what was acted on');
      expectNear(await row(kernel.steps.actions), flat(actions), 'actions');
      const [followed, next] = [step.finalObservations, step.observations];
      expectNear(await row(kernel.steps.following), encode(space, followed), 'what followed');
      expectNear(await kernel.observations.data(), encode(space, next), 'what to act on');
      expectNear(outcome(0), step.rewards, 'rewards');
      expect(outcome(1)).toEqual([...step.terminated]);
      expect(outcome(2)).toEqual([...step.truncated]);

      for (const [i, reward] of step.rewards.entries()) totals[i]! += reward;
      const [returns, lengths] = [new Float64Array(N), new Float64Array(N)];
      for (const { copy, length, truncated, return: total } of step.episodes) {
        returns[copy] = total;
        lengths[copy] = length;
        totals[copy] = 0;
        ends[truncated ? 'truncated' : 'terminated']++;
      }
      expectNear(outcome(3), returns, 'returns');
      expect(outcome(4)).toEqual([...lengths]);
      const accounts = (await kernel.accounts.data()) as Uint32Array;
      const { copies } = host.snapshot() as unknown as Snapshot;
      for (const [i, { random, steps }] of copies.entries())
        expect([...accounts.slice(3 * i, 3 * i + 2)]).toEqual([random.position, steps]);
      const running = new Float32Array(accounts.buffer).filter((_, i) => i % 3 === 2);
      expectNear(running, totals, 'returns under way');
    }
    if (!id.startsWith('Pendulum')) expect(ends.terminated).toBeGreaterThan(5);
    expect(ends.truncated).toBeGreaterThan(5);
    kernel.dispose();
  });
});

test('an id without a kernel, and sizes that are none, are refused', async () => {
  await expect(KernelEnvironment.open(device, 'Acrobot-v1', { count: 1, seed: 0 })).rejects.toThrow(
    'Acrobot-v1 has no kernel; those that have one: Breakout10x10-v0, CartPole-v1',
  );
  await expect(
    KernelEnvironment.open(device, 'CartPole-v1', { count: 0, seed: 0 }),
  ).rejects.toThrow('KernelEnvironment: count is 0, expected at least 1');
});
