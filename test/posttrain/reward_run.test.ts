// The promise that a reward model whose training is resumed is the straight one: metrics, evaluation and scores, bit for bit.

import { expect, test } from 'vitest';
import { openFolder } from '../../src/io/folder_node.ts';
import { readMetrics } from '../../src/io/metrics.ts';
import { loadRewardModel } from '../../src/posttrain/reward_file.ts';
import { scoreSequences } from '../../src/posttrain/reward_model.ts';
import { openRewardRun } from '../../src/posttrain/reward_run.ts';
import { REWARD_DEFAULTS, type RewardSettings } from '../../src/posttrain/reward_settings.ts';
import { createRewardModel, trainRewardModel } from '../../src/posttrain/reward_training.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { inTokens, tinyBase, tinyPreferences } from './reward_tiny.ts';

const SETTINGS: RewardSettings = {
  ...REWARD_DEFAULTS,
  batch: 8,
  learningRate: 1e-2,
  evaluateEvery: 4,
  checkpointEvery: 5,
  logEvery: 3,
};
const sequencesOf = (seed: number) =>
  inTokens(tinyPreferences(16, seed)).map(({ promptIds, chosen }) => [...promptIds, ...chosen]);
const DATA = {
  train: inTokens(tinyPreferences(96)),
  heldOut: inTokens(tinyPreferences(16, 2)),
  reference: sequencesOf(3),
};

/** Trains in the folder, up to `until`, and tells what came of it. */
async function train(
  path: string,
  { settings = SETTINGS, until = Number.POSITIVE_INFINITY, resume = false, seed = 1 } = {},
) {
  const folder = await openFolder(path);
  const base = tinyBase(device, seed);
  const run = await openRewardRun(folder, base, {
    ...{ device, settings, resume, text: 'words' },
    ...{ base: 'tiny', data: 'words', dataFile: '/words' },
  });
  const rewardModel = createRewardModel(device, base, settings);
  const controller = new AbortController();
  let time = 0;
  const result = await trainRewardModel(device, rewardModel, DATA, {
    settings,
    run,
    signal: controller.signal,
    clock: () => (time += 1000), // every step is reported, so that any can be the last
    onProgress: ({ step }) => {
      if (step === until) controller.abort();
    },
  });
  await run.finish(rewardModel, result);
  const scores = await scoreSequences(device, rewardModel, sequencesOf(4));
  const metrics = (await readMetrics(folder)).map(({ tokensPerSecond, ...rest }) => rest);
  const { step, first, evaluation, evaluations } = result;
  return { step, first, found: { evaluation, evaluations, scores, metrics } };
}

test('stopped twice and resumed it is the straight one, to the bit', async () => {
  const [straight, stopped] = [await temporaryFolder(), await temporaryFolder()];
  const expected = await train(straight);
  expect(expected.step).toBe(12);
  for (const [i, until] of [3, 7].entries()) {
    const { step, first } = await train(stopped, { until, resume: i > 0 });
    expect([step, first]).toEqual([until, i === 0 ? 0 : 3]);
  }
  await expect(
    loadRewardModel(device, await openFolder(stopped), tinyBase(device)),
  ).rejects.toThrow('holds no reward model');
  const { first, found } = await train(stopped, { resume: true });
  expect(first).toBe(7);
  expect(found).toEqual(expected.found);
  const folder = await openFolder(stopped);
  expect(await folder.list('')).toEqual(['metrics.jsonl', 'reward.json', 'reward.safetensors']);
  const loaded = await loadRewardModel(device, folder, tinyBase(device));
  expect(await scoreSequences(device, loaded, sequencesOf(4))).toEqual(expected.found.scores);

  await expect(train(stopped, { resume: true })).rejects.toThrow(
    'is done, after 12 steps; there is nothing to resume',
  );
  await expect(train(stopped)).rejects.toThrow('holds a reward model already');
});

test('with another base or other settings it is refused', async () => {
  const path = await temporaryFolder();
  await train(path, { until: 2 });
  await expect(train(path)).rejects.toThrow('holds a run already');
  await expect(train(path, { resume: true, seed: 2 })).rejects.toThrow(/baseSha256 is/);
  const settings = { ...SETTINGS, margin: 1 };
  await expect(train(path, { resume: true, settings })).rejects.toThrow(
    'margin is 0 in the checkpoint, 1 now',
  );
});
