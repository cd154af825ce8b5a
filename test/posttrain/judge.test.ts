// Judging two models: the same model is no better than itself, and what is better wins as often as it must.

import { expect, test } from 'vitest';
import type { Transformer } from '../../src/llm/transformer.ts';
import {
  enumerableCodec,
  enumerableTask,
  equalPair,
  uniformModel,
} from '../../src/posttrain/enumerable.ts';
import { judge, verdict, wilson } from '../../src/posttrain/judge.ts';
import { device } from '../device.ts';

const tasks = Array.from({ length: 150 }, () => enumerableTask);
const options = { tasks, maxNewTokens: 2, seed: 3, judge: equalPair };
const contestant = (model: Transformer) => ({
  speaker: { model, adapter: null },
  codec: enumerableCodec,
  ends: [],
});

test('I7: of two identical models each wins exactly half', async () => {
  const [a, b] = [uniformModel(device), uniformModel(device)];
  const { winRate, means, samples, ...counts } = await judge(
    device,
    contestant(a),
    contestant(b),
    options,
  );
  expect(winRate.rate).toBe(0.5);
  expect(counts).toEqual({ wins: 0, ties: 150, losses: 0 });
  expect(means.a).toEqual(means.b);
  expect(samples).toHaveLength(3);
  expect(samples[0]!.a).toEqual(samples[0]!.b);
});

test('I7: what is always right wins where the other is wrong, and half of the rest', async () => {
  const [right, uniform] = [uniformModel(device), uniformModel(device)];
  // What it reads before each token points to token 0: every answer is 0 0, and right.
  const ids = device.tensor(Int32Array.of(0, 0), { shape: [1, 2] });
  const hidden = device.scope(() => right.hidden(ids));
  const [values, C] = [await hidden.data(), right.config.width];
  const weight = new Float32Array(right.head!.weight.size);
  for (let i = 0; i < C; i++) weight[i] = 50 * (values[i]! + values[C + i]!);
  right.head!.weight.write(weight);
  const judged = await judge(device, contestant(right), contestant(uniform), options);
  const { winRate, losses, means } = judged;
  expect(losses).toBe(0);
  expect(means.a.mean).toBe(1);
  expect(winRate.rate).toBeCloseTo(1 - means.b.mean / 2, 12);
  // The other is right in a third: 2/3 + 1/3 / 2.
  const error = Math.sqrt(2 / 9 / tasks.length) / 2;
  expect(Math.abs(winRate.rate - 5 / 6)).toBeLessThan(4 * error);
  const reversed = await judge(device, contestant(uniform), contestant(right), options);
  expect(reversed.winRate.rate).toBeCloseTo(1 - winRate.rate, 12);
});

test('intervals are Wilson’s, a tie is half a win, and answers to one prompt are one observation', () => {
  const { low, high } = wilson(0.8, 50);
  expect(low).toBeCloseTo(0.6696, 4);
  expect(high).toBeCloseTo(0.8876, 4);
  expect(wilson(1, 10).high).toBeCloseTo(1, 12);
  expect(wilson(1, 10).low).toBeCloseTo(0.7225, 4);
  const pair = (a: number, b: number) => ({
    prompt: '',
    a: { text: '', score: a },
    b: { text: '', score: b },
  });
  const pairs = [pair(1, 0), pair(1, 1), pair(0, 2), pair(3, 2)];
  const single = verdict(pairs);
  expect(single).toMatchObject({ wins: 2, ties: 1, losses: 1 });
  expect(single.winRate.rate).toBe(0.625);
  const double = verdict(pairs, 2);
  expect(double.winRate).toEqual(wilson(0.625, 2));
  expect(double.means.a.mean).toBe(1.25);
});
