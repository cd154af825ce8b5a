// Rewards of answers: from a reward model, and the forms in which a policy is paid.

import { expect, test } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { setAdapter } from '../../src/nn/linear.ts';
import { drawAnswers } from '../../src/posttrain/answers.ts';
import {
  clippedReward,
  normalisedReward,
  rewardModelReward,
  whitenedReward,
} from '../../src/posttrain/reward_adapters.ts';
import { scoreSequences } from '../../src/posttrain/reward_model.ts';
import { createRewardModel } from '../../src/posttrain/reward_training.ts';
import { type Answer, rewardOf, scoreAnswers } from '../../src/posttrain/rewards.ts';
import { device } from '../device.ts';
import { tinyBase, tokenizer } from './reward_tiny.ts';

/** Of an answer's text, as a number. */
const written = rewardOf('written', ({ text }) => Number(text), { weight: 2 });
const answersOf = (...values: number[]): Answer[] =>
  values.map((value) => ({
    ...{ task: { prompt: 'a' }, text: String(value) },
    ...{ promptIds: [0], ids: [1], finished: true },
  }));

test('I4 a clipped reward stays between its bounds; name and weight are kept', async () => {
  const reward = clippedReward(written, { least: -1, most: 2 });
  const { parts, totals } = await scoreAnswers([reward], answersOf(-3, 0.5, 7));
  expect(parts).toEqual({ written: [-1, 0.5, 2] });
  expect(totals).toEqual([-2, 1, 4]);
  expect(() => clippedReward(written, { least: 1, most: 1 })).toThrow(ConfigError);
});

test('I4 a normalised reward has the mean and deviation that were measured', async () => {
  const reward = normalisedReward(written, { mean: 3, deviation: 2 });
  expect(await reward.score(answersOf(3, 5, -1))).toEqual([0, 1, -2]);
  expect(() => normalisedReward(written, { mean: 0, deviation: 0 })).toThrow(ConfigError);
});

test('I4 a whitened reward has mean 0 and variance 1 in its batch; equal ones are 0', async () => {
  const values = await whitenedReward(written).score(answersOf(1, 2, 3, 6));
  expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 12);
  expect(values.reduce((sum, x) => sum + x * x, 0) / 4).toBeCloseTo(1, 12);
  expect(await whitenedReward(written).score(answersOf(5, 5))).toEqual([0, 0]);
});

test('what fails inside is still told with its name', async () => {
  const reward = whitenedReward(clippedReward(written, { least: -1, most: 1 }));
  await expect(scoreAnswers([reward], answersOf(1, Number.NaN, 2))).rejects.toThrow(
    'reward "written" is NaN for the answer "NaN" to "a"',
  );
});

test('a reward model scores drawn answers, and drawing is as before', async () => {
  const model = tinyBase(device);
  const rewardModel = createRewardModel(device, model);
  // A LoRA begins as nothing: this one does something.
  for (const [name, x] of rewardModel.trained)
    if (name.endsWith('.b')) x.write(Float32Array.from({ length: x.size }, (_, i) => (i % 3) - 1));
  const tasks = ['ab=', 'c=', 'dab='].map((prompt) => ({ prompt }));
  const ends = [...tokenizer.encode('\n')];
  const options = { maxNewTokens: 6, ends, seeds: [1, 2, 3] };
  const draw = () => drawAnswers(device, { model, adapter: null }, tokenizer, tasks, options);
  const before = await draw();
  const reward = rewardModelReward(device, rewardModel, { name: 'learned', weight: 0.5 });
  const { totals, parts } = await scoreAnswers([reward], before);
  const sequences = before.map(({ promptIds, ids }) => [...promptIds, ...ids]);
  expect(parts.learned).toEqual(await scoreSequences(device, rewardModel, sequences));
  expect(totals).toEqual(parts.learned!.map((x) => x / 2));
  expect(await draw()).toEqual(before);
  // Also while another adapter is at work.
  setAdapter(model, 'reward');
  expect((await scoreAnswers([reward], before)).parts).toEqual(parts);
  const inParts = rewardModelReward(device, rewardModel, { batch: 2 });
  for (const [i, score] of (await inParts.score(before)).entries())
    expect(score).toBeCloseTo(parts.learned![i]!, 5);
  const long = [{ ...before[0]!, ids: Array<number>(20).fill(1) }];
  await expect(scoreAnswers([reward], long)).rejects.toThrow(DataError);
});
