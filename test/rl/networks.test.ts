// Policies of networks: initial values, what they say of actions, running statistics.

import { describe, expect, test } from 'vitest';
import {
  categorical,
  exploringGaussian,
  gaussian,
  MlpActorCritic,
  OrthogonalInitialiser,
} from '../../src/rl/index.ts';
import { ObservationNorm, RewardScale, RunningMoments } from '../../src/rl/normalise.ts';
import { RandomSequence } from '../../src/rl/random.ts';
import { makeEnvironment } from '../../src/rl/registry.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

const values = async (x: Tensor) => Array.from(await x.data());
const total = (x: readonly number[]) => x.reduce((sum, each) => sum + each, 0);

describe('initial values', () => {
  test.each([
    [5, 12],
    [12, 5],
    [7, 7],
  ])('%i x %i: rows or columns are orthogonal, of length gain', async (rows, columns) => {
    const gain = Math.SQRT2;
    const w = await values(new OrthogonalInitialiser(device, 3).normal([rows, columns], gain));
    const count = Math.min(rows, columns);
    const vector = (i: number) =>
      rows <= columns
        ? w.slice(i * columns, (i + 1) * columns)
        : Array.from({ length: rows }, (_, k) => w[k * columns + i]!);
    for (let i = 0; i < count; i++)
      for (let j = 0; j < count; j++) {
        const product = total(vector(i).map((x, k) => x * vector(j)[k]!));
        expect(product).toBeCloseTo(i === j ? gain * gain : 0, 5);
      }
  });

  test('a policy begins near uniform; the parameters are as many as they should be', async () => {
    const model = new MlpActorCritic(device, makeEnvironment('CartPole-v1'), { seed: 1 });
    const size = model.parameters().reduce((sum, { size }) => sum + size, 0);
    expect(size).toBe(
      4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2 + (4 * 64 + 64 + 64 * 64 + 64 + 64 + 1),
    );
    const x = device.tensor([[0.1, -0.2, 0.05, 0.3]]);
    const { entropy } = model.policy(x).evaluate(device.tensor([0], { dtype: 'i32' }));
    expect(await entropy.item()).toBeCloseTo(Math.LN2, 4);
  });
});

describe('distributions', () => {
  const LOGITS = [0.5, -1, 2, 0];
  const softmax = (z: readonly number[]) => {
    const e = z.map(Math.exp);
    return e.map((x) => x / total(e));
  };
  const N = 40_000;

  test('a categorical one draws by its probabilities (chi-square), and never what is masked', async () => {
    const logits = device.tensor(Array.from({ length: N }, () => LOGITS).flat(), { shape: [N, 4] });
    const counts = async (mask?: number[]) => {
      const masked =
        mask && device.tensor(Array.from({ length: N }, () => mask).flat(), { shape: [N, 4] });
      device.beginStep(7, 1);
      const drawn = await values(categorical(logits, masked).sample());
      return LOGITS.map((_, a) => drawn.filter((x) => x === a).length);
    };
    const chiSquare = (seen: number[], p: number[]) =>
      total(seen.map((n, a) => (p[a]! > 0 ? (n - N * p[a]!) ** 2 / (N * p[a]!) : 0)));
    const p = softmax(LOGITS);
    expect(chiSquare(await counts(), p)).toBeLessThan(16.27); // 3 degrees of freedom, p = 0.001
    expect(chiSquare(await counts(), [...p].reverse())).toBeGreaterThan(1000);
    const masked = await counts([1, 1, 0, 1]);
    expect(masked[2]).toBe(0);
    const q = softmax([0.5, -1, -Infinity, 0]);
    expect(chiSquare(masked, q)).toBeLessThan(13.82); // 2 degrees of freedom
  });

  test('each step of a device draws anew, and the same step the same', async () => {
    const logits = device.zeros([64, 3]);
    const draw = (step: number) => {
      device.beginStep(7, step);
      return values(categorical(logits).sample());
    };
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(2)).not.toEqual(await draw(1));
  });

  test('the mode is the likeliest allowed action, among equals the first', async () => {
    const logits = device.tensor([
      [1, 3, 2],
      [4, 4, 0],
    ]);
    const mask = device.tensor([
      [1, 0, 1],
      [1, 1, 1],
    ]);
    expect(await values(categorical(logits).mode())).toEqual([1, 0]);
    expect(await values(categorical(logits, mask).mode())).toEqual([2, 0]);
  });

  test('a normal one: density, entropy and draws', async () => {
    const [mean, logStd] = [
      [0.5, -1],
      [0.3, -0.7],
    ];
    const policy = gaussian(
      device.tensor(Array.from({ length: N }, () => mean).flat(), { shape: [N, 2] }),
      device.tensor(logStd),
    );
    device.beginStep(3, 0);
    const drawn = await values(policy.sample());
    for (const i of [0, 1]) {
      const own = drawn.filter((_, k) => k % 2 === i);
      const average = total(own) / N;
      const deviation = Math.sqrt(total(own.map((x) => (x - average) ** 2)) / N);
      expect(Math.abs(average - mean[i]!)).toBeLessThan((4 * Math.exp(logStd[i]!)) / Math.sqrt(N));
      expect(deviation / Math.exp(logStd[i]!)).toBeCloseTo(1, 1);
    }
    const actions = device.tensor(drawn, { shape: [N, 2] });
    const { logProb, entropy } = policy.evaluate(actions);
    const density = (a: number, i: number) =>
      -0.5 * ((a - mean[i]!) / Math.exp(logStd[i]!)) ** 2 -
      logStd[i]! -
      0.5 * Math.log(2 * Math.PI);
    const found = await values(logProb);
    for (const k of [0, 17, 999])
      expect(found[k]).toBeCloseTo(density(drawn[2 * k]!, 0) + density(drawn[2 * k + 1]!, 1), 4);
    const exact = total(logStd) + 1 + Math.log(2 * Math.PI);
    expect((await values(entropy))[5]).toBeCloseTo(exact, 5);
    expect(-total(found) / N).toBeCloseTo(exact, 1); // H = -E log π
  });

  test('noise by the state: of the told deviation over draws, and one function of the state within a draw', async () => {
    const B = 3000;
    const features = [0.8, -0.3];
    const logStd = device.tensor([[0.1], [-0.5]]);
    const phi = device.tensor(Array.from({ length: B }, () => features).flat(), { shape: [B, 2] });
    const policy = exploringGaussian(device.zeros([B, 1]), phi, logStd);
    const variance = 0.8 ** 2 * Math.exp(0.2) + 0.3 ** 2 * Math.exp(-1);
    device.beginStep(3, 0);
    const drawn = await values(policy.sample());
    expect(total(drawn.map((x) => x * x)) / B / variance).toBeCloseTo(1, 1);
    const { entropy } = policy.evaluate(device.zeros([B, 1]));
    expect((await values(entropy))[0]).toBeCloseTo(
      0.5 * Math.log(2 * Math.PI * Math.E * variance),
      4,
    );
    device.beginStep(3, 0);
    const doubled = exploringGaussian(
      device.zeros([B, 1]),
      device.tensor(await phi.data().then((x) => x.map((f) => 2 * f)), { shape: [B, 2] }),
      logStd,
    );
    const again = await values(doubled.sample());
    for (const k of [0, 5, 2999]) expect(again[k]).toBeCloseTo(2 * drawn[k]!, 4);
  });
});

describe('running statistics', () => {
  const random = new RandomSequence({ seed: 5 });
  const rows = Array.from({ length: 300 }, () => [
    10 + 3 * random.normal(),
    -0.01 * random.normal(),
  ]);

  test('are those of all rows, however they come', () => {
    const moments = new RunningMoments(2);
    for (const [from, to] of [
      [0, 1],
      [1, 100],
      [100, 300],
    ])
      moments.add(rows.slice(from, to).flat());
    for (const i of [0, 1]) {
      const own = rows.map((row) => row[i]!);
      const mean = total(own) / own.length;
      expect(moments.mean[i]).toBeCloseTo(mean, 10);
      const variance = total(own.map((x) => (x - mean) ** 2)) / own.length;
      expect(moments.deviation(i)).toBeCloseTo(Math.sqrt(variance + 1e-8), 10);
    }
  });

  test('bring observations to mean 0 and deviation 1, at most 10', async () => {
    const norm = new ObservationNorm(device, 2);
    const x = device.tensor(rows);
    expect((await values(norm.forward(x)))[0]).toBeCloseTo(Math.min(10, rows[0]![0]!), 4);
    norm.update(rows.flat());
    const scaled = await values(norm.forward(x));
    for (const i of [0, 1]) {
      const own = scaled.filter((_, k) => k % 2 === i);
      expect(total(own) / own.length).toBeCloseTo(0, 3);
      expect(total(own.map((v) => v * v)) / own.length).toBeCloseTo(1, 2);
    }
    expect(await values(norm.forward(device.tensor([[1e6, -1e6]])))).toEqual([10, -10]);
  });

  test('scale rewards by the deviation of the discounted return, which begins anew with an episode', () => {
    const scale = new RewardScale(1, 0.5);
    const rewards = Float32Array.of(1, 1, 1, 1);
    scale.apply(rewards, [0, 1, 0, 0]);
    const returns = [1, 1.5, 1, 1.5];
    const deviation = Math.sqrt(total(returns.map((g) => (g - 1.25) ** 2)) / 4 + 1e-8);
    for (const r of rewards) expect(r).toBeCloseTo(1 / deviation, 5);
  });
});
