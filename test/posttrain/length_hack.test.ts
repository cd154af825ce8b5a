// A reward for length, where an answer is drawn in eight steps: it grows, and the penalty or more KL holds it.

import { describe, expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { uniformModel } from '../../src/posttrain/enumerable.ts';
import { LENGTH_HACK_DEFAULTS, lengthHackExperiment } from '../../src/posttrain/length_hack.ts';
import { CASES, lengthHackReport, summarise } from '../../src/posttrain/length_hack_report.ts';
import { type Reward, rewardOf, type Task } from '../../src/posttrain/rewards.ts';
import { RLHF_DEFAULTS, rlhf } from '../../src/posttrain/rlhf.ts';
import { softOverlong } from '../../src/posttrain/shaping.ts';
import { distinctShare } from '../../src/text/diversity.ts';
import { device } from '../device.ts';

const MOST = 8;
const END = 2;
const task: Task = { prompt: '' };
const codec = { encode: () => [0], decode: (ids: ArrayLike<number>) => Array.from(ids).join(' ') };

/** The truth: an answer of three tokens, the end included. */
const gold = rewardOf('gold', ({ ids }) => -Math.abs(ids.length - 3));
const tokens = rewardOf('tokens', ({ ids }) => ids.length, { weight: 2 });

/** Where PPO leads a model that ends with probability 1/3 at each token. */
async function optimised(rewards: readonly Reward[], beta: number) {
  const shape = { vocabulary: 3, length: MOST };
  const [model, base] = [uniformModel(device, shape), uniformModel(device, shape)];
  const { learner, collector } = rlhf(
    device,
    {
      ...{ codec, rewards, promptTokens: 1, ends: [END] },
      tasks: () => Array.from({ length: 64 }, () => task),
      policy: { model, adapter: null },
      reference: { model: base, adapter: null },
    },
    {
      ...{ ...RLHF_DEFAULTS, answers: 64, maxNewTokens: MOST, missingEnd: null, beta },
      ...{ learningRate: 1e-2, epochs: 2 },
    },
  );
  const lengths: number[] = [];
  const golds: number[] = [];
  for (let i = 0; i < 25; i++) {
    await learner.iterate(i, 25);
    lengths.push(collector.metrics.length);
    const scores = await gold.score(collector.answers);
    golds.push(scores.reduce((a, b) => a + b, 0) / scores.length);
  }
  learner.dispose();
  collector.dispose();
  for (const each of [model, base]) each.dispose();
  return { from: lengths[0]!, to: lengths.at(-1)!, goldFrom: golds[0]!, goldTo: golds.at(-1)! };
}

describe('I9: a judge who counts tokens', () => {
  test('gets answers of more than twice the length, and the truth falls', async () => {
    const { from, to, goldFrom, goldTo } = await optimised([gold, tokens], 0.01);
    expect(to).toBeGreaterThan(2 * from);
    expect(goldTo).toBeLessThan(goldFrom - 1);
  });

  test.each<[string, Reward[], number]>([
    ['a penalty on what is over-long', [softOverlong({ most: 8, margin: 5, weight: 16 })], 0.01],
    ['a larger beta', [], 10],
  ])('does not with %s', async (_, repair, beta) => {
    const { from, to, goldTo } = await optimised([gold, tokens, ...repair], beta);
    expect(to).toBeLessThan(2 * from);
    expect(goldTo).toBeGreaterThan(-3);
  });
});

test('the experiment runs from the base to its report', async () => {
  const settings = {
    ...LENGTH_HACK_DEFAULTS,
    ...{ seeds: [1], width: 16, layers: 1, baseSteps: 2, answerTokens: 20, most: 10, margin: 5 },
    ...{ iterations: 2, answers: 4, epochs: 1, window: 1 },
  };
  const { result } = await runExperiment(device, lengthHackExperiment, { settings });
  expect(result!.curves.map(({ what, points }) => [what, points.length])).toEqual([
    ['length', 2],
    ['penalty', 2],
    ['beta', 2],
  ]);
  const [point] = result!.curves[1]!.points;
  const { gold, tokens, overlong } = point!.means;
  expect(tokens).toBe(point!.length - settings.usual);
  const { perToken, penalty } = settings;
  expect(point!.score).toBeCloseTo(gold! + perToken * tokens! + penalty * overlong!, 4);
  expect(summarise(result!, settings).map(({ what }) => what)).toEqual(CASES);
  expect(lengthHackReport(result!, settings).plots).toHaveLength(4);
});

test('distinct-n is the share of different n-grams of words', () => {
  expect(distinctShare(['a b a b', 'a b'], 1)).toBe(2 / 6);
  expect(distinctShare(['a b a b', 'a b'], 2)).toBe(2 / 4);
  expect(distinctShare(['a'], 2)).toBe(0);
});
