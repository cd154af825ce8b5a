// Training itself: a loss that falls towards the floor of its source, and settings that are refused.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TrainProgress, type TrainState, trainLanguageModel } from '../../src/llm/train.ts';
import { Device } from '../../src/ops/device.ts';
import { trainTraced } from './tiny.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

test('what a run held is given back with its model', async () => {
  await trainTraced(device); // what the device keeps for itself: random state, rotations
  const { bytesInUse, tensors } = device.memory();
  await trainTraced(device);
  expect(device.memory()).toMatchObject({ bytesInUse, tensors });
});

test('the validation loss falls, and stays above the entropy of the source', async () => {
  const result = await trainLanguageModel(device, {
    settings: {
      layers: 1,
      heads: 2,
      width: 32,
      context: 16,
      batch: 8,
      steps: 120,
      learningRate: 5e-3,
      evaluateEvery: 60,
      evaluationTokens: 2048,
      corpusCharacters: 30_000,
      samples: 0,
    },
  });
  const [middle, end] = result.evaluations.map(({ loss }) => loss);
  expect(middle).toBeLessThan(Math.log(result.data.tokenizer.vocabularySize) - 1);
  expect(end).toBeLessThan(middle! - 0.1);
  expect(result.bestValLoss).toBe(end);
  expect(end).toBeGreaterThan(result.data.entropyFloor!);
  result.model.dispose();
});

describe('refused before anything is trained', () => {
  test.each([
    [{ steps: 0 }, 'steps is 0; expected a whole number of at least 1'],
    [{ dropout: 1 }, 'dropout is 1; expected a number from 0 to 0.9'],
    [{ widht: 32 }, 'unknown setting "widht" (did you mean "width"?)'],
    [{ heads: 3, width: 16 }, 'width 16 is no multiple of heads 3'],
    [{ heads: 4, keyValueHeads: 3 }, 'heads 4 is no multiple of keyValueHeads 3'],
    [{ heads: 4, width: 4 }, 'rope needs an even head size, got width / heads = 1'],
  ])('%o', async (settings: object, message) => {
    await expect(trainLanguageModel(device, { settings })).rejects.toMatchObject({
      name: 'ConfigError',
      message,
    });
  });

  test('a text shorter than a context', async () => {
    const text = { name: 'short', content: 'Once upon a ti' };
    await expect(trainLanguageModel(device, { text })).rejects.toMatchObject({
      name: 'DataError',
      message: expect.stringContaining('the text has 14 tokens, and one context of 64 needs 65'),
    });
  });
});

describe('a run that diverges ends, and does not look perfect', () => {
  const expectDivergence = (run: Promise<unknown>, which: string) =>
    expect(run).rejects.toMatchObject({
      name: 'DataError',
      message: `training diverged: the ${which} is NaN; lower learningRate, or set gradClip`,
    });

  test('at an absurd learning rate: parameters overflow in the first step', () => {
    const settings = { learningRate: 1e30, gradClip: 0, warmupSteps: 0 };
    return expectDivergence(trainTraced(device, { settings }), 'loss of step 2');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('with a parameter of %d', (value) => {
    const onProgress = ({ step }: TrainProgress, { model }: TrainState) => {
      const { weight } = model.norm;
      if (step === 11) weight.write(new Float32Array(weight.size).fill(value));
    };
    const run = trainTraced(device, { settings: { evaluateEvery: 11 }, onProgress });
    return expectDivergence(run, 'loss of step 12');
  });

  test('seen first by the evaluation', () => {
    const settings = { learningRate: 1e30, gradClip: 0, warmupSteps: 0, evaluateEvery: 1 };
    return expectDivergence(trainTraced(device, { settings }), 'validation loss');
  });
});
