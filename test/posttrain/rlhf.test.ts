import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/ops/device.ts';
import {
  answerProbabilities,
  enumerable,
  enumerableCodec,
  enumerableTask,
  equalPair,
  objective,
  optimum,
  uniformModel,
} from '../../src/posttrain/enumerable.ts';
import { RLHF_DEFAULTS, rlhf } from '../../src/posttrain/rlhf.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

test.each([1, 0.5, 0.1])('PPO at beta %d', async (beta) => {
  const space = enumerable();
  const model = uniformModel(device);
  const base = uniformModel(device);
  const speaker = { model, adapter: null };
  const settings = {
    ...RLHF_DEFAULTS,
    answers: 512,
    maxNewTokens: 2,
    beta,
    missingEnd: null,
    learningRate: 3e-3,
    whitenRewards: false,
    minibatches: 1,
    epochs: 2,
    valueClip: null,
    schedule: 'linear' as const,
  };
  const { learner, collector } = rlhf(
    device,
    {
      codec: enumerableCodec,
      tasks: () => Array.from({ length: settings.answers }, () => enumerableTask),
      rewards: [equalPair],
      policy: speaker,
      reference: { model: base, adapter: null },
      promptTokens: 1,
      ends: [],
    },
    settings,
  );
  const { JStar } = optimum(space, beta);
  const start = performance.now();
  for (let i = 0; i < 100; i++) {
    await learner.iterate(i, 100);
    if (i % 20 === 19) {
      const o = objective(space, await answerProbabilities(device, speaker, space), beta);
      console.log(i, o, JStar, o.J / JStar, (performance.now() - start) / 1000, collector.metrics);
    }
  }
});
