// Best of n, where everything about it is known.

import { expect, test } from 'vitest';
import {
  bestOfN,
  bestOfNKl,
  drawCandidates,
  expectedBestOf,
} from '../../src/posttrain/best_of_n.ts';
import {
  enumerable,
  enumerableCodec,
  enumerableTask,
  equalPair,
  uniformModel,
} from '../../src/posttrain/enumerable.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { device } from '../device.ts';

test('I9: best of n is ln n - (n - 1) / n away at most, and exactly that where no two answers are worth the same', () => {
  const known = { 1: 0, 2: 0.193, 4: 0.636, 8: 1.204, 16: 1.835, 64: 3.175 };
  for (const [n, kl] of Object.entries(known)) expect(bestOfNKl(Number(n))).toBeCloseTo(kl, 3);
  // Of 10,000 equally likely answers the i-th is the best of n with (i / 10,000)ⁿ - ((i - 1) / 10,000)ⁿ.
  const [N, n] = [10_000, 8];
  let kl = 0;
  for (let i = 1; i <= N; i++) {
    const p = (i / N) ** n - ((i - 1) / N) ** n;
    kl += p * Math.log(p * N);
  }
  expect(kl).toBeCloseTo(bestOfNKl(n), 3);
  // Where answers are worth the same, it is less: of the enumerable model's nine, three are worth 1.
  const { rewards } = enumerable();
  const good = rewards.filter((r) => r === 1).length / rewards.length;
  const best = 1 - (1 - good) ** n;
  const tied = best * Math.log(best / good) + (1 - best) * Math.log((1 - best) / (1 - good));
  expect(tied).toBeLessThan(bestOfNKl(n));
});

test('the expected best of n of N candidates is the mean over all subsets, by scores or by another judge', () => {
  const random = randomStream(3);
  const draw = () => Array.from({ length: 6 }, () => Math.round(4 * random.uniform()));
  const [scores, worth] = [draw(), draw()];
  for (const n of [1, 2, 3, 6]) {
    const subsets = subsetsOf(6, n);
    const best = (subset: readonly number[]) =>
      subset.reduce((a, b) => (scores[b]! >= scores[a]! ? b : a));
    const mean = (of: readonly number[]) =>
      subsets.reduce((sum, subset) => sum + of[best(subset)]!, 0) / subsets.length;
    expect(expectedBestOf(n, scores)).toBeCloseTo(mean(scores), 12);
    expect(expectedBestOf(n, scores, worth)).toBeCloseTo(mean(worth), 12);
  }
});

test('the best of n answers of the enumerable model is as good as it must be on average: 1 - (2/3)ⁿ', async () => {
  const speaker = { model: uniformModel(device), adapter: null };
  const tasks = Array.from({ length: 400 }, () => enumerableTask);
  const options = { maxNewTokens: 2, ends: [], seed: 5, batch: 500 };
  for (const n of [1, 3]) {
    const best = await bestOfN(device, speaker, enumerableCodec, tasks, {
      ...options,
      n,
      rewards: [equalPair],
    });
    const mean = best.reduce((sum, { score }) => sum + score, 0) / tasks.length;
    const expected = 1 - (2 / 3) ** n;
    const error = Math.sqrt((expected * (1 - expected)) / tasks.length);
    expect(Math.abs(mean - expected)).toBeLessThan(4 * error);
    expect(
      best.every(({ answer, score }) => score === Number(answer.ids[0] === answer.ids[1])),
    ).toBe(true);
  }
  // What is drawn does not depend on how many are drawn at a time.
  const some = tasks.slice(0, 5);
  const [whole, parts] = [500, 4].map(async (batch) => {
    const drawn = await drawCandidates(device, speaker, enumerableCodec, some, {
      ...options,
      n: 3,
      batch,
    });
    return drawn.map((own) => own.map(({ text }) => text));
  });
  expect(await parts).toEqual(await whole);
});

/** All subsets of n of 0 … N - 1, in ascending order each. */
function subsetsOf(N: number, n: number, from = 0): number[][] {
  if (n === 0) return [[]];
  return Array.from({ length: N - from }, (_, i) => from + i).flatMap((first) =>
    subsetsOf(N, n - 1, first + 1).map((rest) => [first, ...rest]),
  );
}
