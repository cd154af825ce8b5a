// Reward models: where the reward is read, what they learn, and that they are kept bit for bit.

import { describe, expect, test } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { sha256OfModel } from '../../src/llm/finetune_run.ts';
import { withAdapter } from '../../src/nn/linear.ts';
import { evaluatePairs } from '../../src/posttrain/reward_evaluation.ts';
import { loadRewardModel, saveRewardModel } from '../../src/posttrain/reward_file.ts';
import {
  normaliseRewards,
  type RewardModel,
  scoreSequences,
  spread,
} from '../../src/posttrain/reward_model.ts';
import { REWARD_DEFAULTS, type RewardSettings } from '../../src/posttrain/reward_settings.ts';
import {
  createRewardModel,
  drawReference,
  judgePreferences,
  type TrainRewardOptions,
  trainRewardModel,
} from '../../src/posttrain/reward_training.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { inTokens, tinyBase, tinyPreferences, tokenizer } from './reward_tiny.ts';

const settingsOf = (changes: Partial<RewardSettings> = {}): RewardSettings => ({
  ...REWARD_DEFAULTS,
  targets: ['query', 'value', 'up', 'down'],
  batch: 16,
  learningRate: 1e-2,
  evaluateEvery: 20,
  checkpointEvery: 20,
  ...changes,
});

const train = inTokens(tinyPreferences(640));
const heldOut = inTokens(tinyPreferences(100, 2));
const reference = inTokens(tinyPreferences(64, 3)).map(({ promptIds, chosen }) => [
  ...promptIds,
  ...chosen,
]);
const DATA = { train, heldOut, reference };

function tinyRewardModel(settings = settingsOf()): RewardModel {
  return createRewardModel(device, tinyBase(device), settings);
}

const sequences = heldOut.slice(0, 8).map(({ promptIds, rejected }) => [...promptIds, ...rejected]);

test('padding on either side, and the rows beside it, do not change a reward', async () => {
  const rewardModel = tinyRewardModel();
  const alone = await scoreSequences(device, rewardModel, sequences, { batch: 1 });
  const right = await scoreSequences(device, rewardModel, sequences);
  const left = await scoreSequences(device, rewardModel, sequences, { padding: 'left' });
  expect(spread(alone).deviation).toBeGreaterThan(1e-3);
  for (const [i, reward] of alone.entries()) {
    expect(right[i]).toBeCloseTo(reward, 5);
    expect(left[i]).toBeCloseTo(reward, 5);
  }
  // The last token is read, the mark that ends the answer included.
  const cut = await scoreSequences(
    device,
    rewardModel,
    sequences.map((ids) => ids.slice(0, -1)),
  );
  expect(cut.every((reward, i) => Math.abs(reward - alone[i]!) > 1e-4)).toBe(true);
});

test('the reward model of a LoRA and its base do not disturb each other', async () => {
  const rewardModel = tinyRewardModel();
  const { model } = rewardModel.speaker;
  const before = await sha256OfModel(model);
  await trainRewardModel(
    device,
    rewardModel,
    { ...DATA, heldOut: [] },
    { settings: settingsOf({ epochs: 0.2 }) },
  );
  expect(await sha256OfModel(model)).toBe(before);
  expect(model.namedParameters().size).toBeGreaterThan(0); // trained before, and trainable again
  expect([...rewardModel.trained.values()].some((x) => x.requiresGrad)).toBe(false);
  const ids = device.tensor(Int32Array.from(sequences[0]!), { shape: [1, sequences[0]!.length] });
  const bare = await model.hidden(ids).data();
  await scoreSequences(device, rewardModel, sequences);
  expect(await model.hidden(ids).data()).toEqual(bare);
  expect(await withAdapter(model, 'reward', () => model.hidden(ids)).data()).not.toEqual(bare);
});

test('normalised, answers of the reference have mean 0 and variance 1', async () => {
  const rewardModel = tinyRewardModel();
  const drawn = await drawReference(
    device,
    { model: rewardModel.speaker.model, adapter: null },
    heldOut.map(({ promptIds }) => promptIds),
    { count: 100, maxNewTokens: 8, ends: [...tokenizer.encode('\n')], seed: 4 },
  );
  expect(new Set(drawn.map((ids) => ids.join())).size).toBeGreaterThan(50);
  await normaliseRewards(device, rewardModel, drawn);
  const { mean, deviation } = spread(await scoreSequences(device, rewardModel, drawn));
  expect(mean).toBeCloseTo(0, 5);
  expect(deviation).toBeCloseTo(1, 5);
  const equal = tinyRewardModel(settingsOf({ headStd: 0 }));
  await expect(normaliseRewards(device, equal, drawn)).rejects.toThrow(
    'gives 0 to all 100 answers of the reference',
  );
});

describe('trained', () => {
  test('I3 it begins at ln 2 where all rewards are equal, and learns who is better', async () => {
    const settings = settingsOf({ method: 'full', headStd: 0 });
    const rewardModel = tinyRewardModel(settings);
    const result = await trainRewardModel(device, rewardModel, DATA, { settings });
    expect(result.evaluations[0]!.loss).toBeCloseTo(Math.LN2, 6);
    expect(result.steps).toBe(40); // one epoch
    const { accuracy, loss, meanMargin } = result.evaluation!;
    expect(accuracy).toBeGreaterThan(0.9);
    expect(loss).toBeLessThan(0.35);
    expect(meanMargin).toBeGreaterThan(1);
    const { mean, deviation } = spread(await scoreSequences(device, rewardModel, reference));
    expect(mean).toBeCloseTo(0, 4);
    expect(deviation).toBeCloseTo(1, 4);
  });

  test('all of the model, in parts, gives the values of the whole batch', async () => {
    const scoresAfter = async (accumulate: number) => {
      const settings = settingsOf({
        method: 'full',
        epochs: 0.1,
        accumulate,
        centring: 0.01,
        margin: 0.1,
      });
      const rewardModel = tinyRewardModel(settings);
      await trainRewardModel(device, rewardModel, { ...DATA, heldOut: [] }, { settings });
      return scoreSequences(device, rewardModel, sequences);
    };
    const [whole, parts] = [await scoresAfter(1), await scoresAfter(4)];
    for (const [i, reward] of whole.entries()) expect(parts[i]).toBeCloseTo(reward, 3);
  });

  test('centring pulls rewards towards 0', async () => {
    const meanOf = async (centring: number) => {
      const settings = settingsOf({ centring, epochs: 0.5 });
      const rewardModel = tinyRewardModel(settings);
      rewardModel.bias.write([3]);
      const data = { ...DATA, reference: [] };
      const { evaluation } = await trainRewardModel(device, rewardModel, data, { settings });
      return Math.abs(evaluation!.meanReward);
    };
    expect(await meanOf(1)).toBeLessThan(0.5 * (await meanOf(0)));
  });

  test('twice is the same, and what is loaded scores the same bits', async () => {
    const settings = settingsOf({ epochs: 0.2 });
    const rewardOf = async (options: TrainRewardOptions = {}) => {
      const rewardModel = tinyRewardModel(settings);
      const result = await trainRewardModel(device, rewardModel, DATA, { settings, ...options });
      return { rewardModel, result, scores: await scoreSequences(device, rewardModel, sequences) };
    };
    const [first, second] = [await rewardOf(), await rewardOf()];
    expect(second.scores).toEqual(first.scores);

    const folder = await openFolder(await temporaryFolder());
    const { rewardModel, result } = first;
    const { model } = rewardModel.speaker;
    await saveRewardModel(folder, rewardModel, {
      base: 'tiny',
      baseSha256: await sha256OfModel(model),
      data: 'letters',
      dataFile: '/letters',
      step: result.step,
      settings,
      evaluation: result.evaluation,
    });
    const base = tinyBase(device);
    const loaded = await loadRewardModel(device, folder, base, { name: 'another' });
    expect(loaded.speaker).toEqual({ model: base, adapter: 'another' });
    expect(await scoreSequences(device, loaded, sequences)).toEqual(first.scores);

    await expect(loadRewardModel(device, folder, tinyBase(device, 2))).rejects.toThrow(
      'holds a reward model of another base, tiny',
    );
    await folder.append('reward.safetensors', 'x');
    await expect(loadRewardModel(device, folder, base)).rejects.toThrow(
      'reward.safetensors is not what reward.json describes',
    );
    await folder.remove('reward.json');
    await expect(loadRewardModel(device, folder, base)).rejects.toThrow('holds no reward model');
  });

  test('what does not fit is refused before the first step', async () => {
    const rewardModel = tinyRewardModel();
    const few = { ...DATA, train: train.slice(0, 3) };
    const refusal = trainRewardModel(device, rewardModel, few, { settings: settingsOf() });
    await expect(refusal).rejects.toThrow(ConfigError);
    await expect(refusal).rejects.toThrow('batch is 16, and there are 3 preferences');
    const long = {
      promptIds: Array<number>(12).fill(0),
      chosen: [1, 1, 1, 1, 1],
      rejected: [1],
      weight: 1,
    };
    await expect(
      trainRewardModel(device, rewardModel, { ...DATA, train: [...train, long] }),
    ).rejects.toThrow("has 17 tokens, and the model's context is 16");
    await expect(
      trainRewardModel(device, rewardModel, DATA, { settings: { centring: -1 } }),
    ).rejects.toThrow('centring is -1');
    await expect(scoreSequences(device, rewardModel, [[]])).rejects.toThrow(DataError);
  });
});

test('pairs are judged the same, whichever answer was chosen', async () => {
  const rewardModel = tinyRewardModel();
  const judged = (pairs: typeof heldOut, batch: number) =>
    judgePreferences(device, rewardModel, pairs, { batch }).then((found) => evaluatePairs(found));
  const whole = await judged(heldOut, 7);
  expect(whole.pairs).toBe(100);
  const swapped = heldOut.map((each) => ({
    ...each,
    chosen: each.rejected,
    rejected: each.chosen,
  }));
  const other = await judged(swapped, 64);
  expect(whole.accuracy + other.accuracy).toBeCloseTo(1, 12);
  expect(whole.meanMargin).toBeCloseTo(-other.meanMargin, 5);
});
