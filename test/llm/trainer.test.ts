// The trainer's step: replayed as if it ran eagerly, in parts as if at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { trainingData } from '../../src/llm/data.ts';
import { modelConfig, TRAIN_DEFAULTS, type TrainSettings } from '../../src/llm/settings.ts';
import { Trainer } from '../../src/llm/trainer.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { writeAt } from '../../src/ops/copy.ts';
import { Device } from '../../src/ops/device.ts';
import { reshape } from '../../src/ops/view.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { clipGradNorm } from '../../src/optim/clip.ts';
import { backward } from '../../src/tensor/tape.ts';
import { batch } from '../../src/text/loader.ts';
import { TINY } from './tiny.ts';

const SETTINGS: TrainSettings = { ...TRAIN_DEFAULTS, ...TINY, gradClip: 0.5 };

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

interface Outcome {
  readonly losses: number[];
  readonly parameters: Map<string, ArrayLike<number>>;
}

async function parametersOf(model: Transformer): Promise<Outcome['parameters']> {
  const values = new Map<string, ArrayLike<number>>();
  for (const [name, x] of model.namedTensors()) values.set(name, await x.data());
  return values;
}

async function trained(changes: Partial<TrainSettings>): Promise<Outcome> {
  const settings = { ...SETTINGS, ...changes };
  const trainer = new Trainer(device, settings, trainingData(null, settings));
  const losses: number[] = [];
  for (let step = 0; step < settings.steps; step++) {
    trainer.step(step);
    if (step % 10 === 9) losses.push(...(await trainer.lossesSince(step - 9, step + 1)));
  }
  const parameters = await parametersOf(trainer.model);
  trainer.dispose();
  trainer.model.dispose();
  return { losses, parameters };
}

/** The same training, written out; every step runs in JavaScript. */
async function trainedEagerly(changes: Partial<TrainSettings>): Promise<Outcome> {
  const settings = { ...SETTINGS, ...changes };
  const data = trainingData(null, settings);
  const config = modelConfig(settings, data.tokenizer.vocabularySize);
  const model = new Transformer(new Initialiser(device, settings.seed), config);
  const parameters = [...model.namedParameters()];
  const { beta1, beta2, eps, weightDecay, gradClip, context } = settings;
  const optimizer = new AdamW(
    [
      { parameters: parameters.filter(([, x]) => x.rank >= 2), weightDecay },
      { parameters: parameters.filter(([, x]) => x.rank < 2), weightDecay: 0 },
    ],
    { beta1, beta2, eps },
  );
  const trainer = new Trainer(device, settings, data);
  const losses = device.zeros([settings.steps]);
  for (let step = 0; step < settings.steps; step++) {
    const { inputs, targets } = batch(data.train, { ...settings, step });
    device.beginStep(settings.seed, step);
    optimizer.lr = trainer.learningRate(step);
    device.scope(() => {
      const shape = [settings.batch, context];
      const [ids, wanted] = [inputs, targets].map((values) => device.tensor(values, { shape }));
      const loss = model.loss(ids!, wanted!, { training: true });
      backward(loss);
      clipGradNorm(optimizer, gradClip);
      optimizer.step({ zeroGrad: true });
      writeAt(losses, reshape(loss, [1]), step);
    });
    device.submit();
  }
  return { losses: [...(await losses.data())], parameters: await parametersOf(model) };
}

test('500 replayed steps are 500 eager steps bit for bit, with dropout and clipping', async () => {
  const replayed = await trained({ steps: 500 });
  expect(new Set(replayed.losses).size).toBeGreaterThan(490);
  expect(replayed).toEqual(await trainedEagerly({ steps: 500 }));
}, 300_000); // a thousand steps: a minute and more on SwiftShader

describe('a batch in parts', () => {
  const changes = { steps: 20, batch: 6, dropout: 0 };

  test('trains as the whole batch, but for rounding', async () => {
    const whole = await trained(changes);
    for (const accumulate of [2, 6]) {
      const parts = await trained({ ...changes, accumulate });
      for (const [i, loss] of parts.losses.entries()) expect(loss).toBeCloseTo(whole.losses[i]!, 4);
      for (const [name, values] of parts.parameters) {
        const expected = whole.parameters.get(name)!;
        const furthest = Math.max(
          ...Array.from(values, (value, i) => Math.abs(value - expected[i]!)),
        );
        expect(furthest, name).toBeLessThan(1e-3);
      }
    }
  });

  test('that does not divide evenly is refused', () => {
    const settings = { ...SETTINGS, batch: 6, accumulate: 4 };
    expect(() => new Trainer(device, settings, trainingData(null, settings))).toThrow(
      new ConfigError('accumulate is 4, expected a divisor of batch, 6'),
    );
  });
});

test('with checkpointing the training is the same, bit for bit', async () => {
  expect(await trained({ steps: 10, checkpointing: true })).toEqual(await trained({ steps: 10 }));
});

test('parts and checkpointing save memory, each and together', () => {
  const sizes = { layers: 4, batch: 8, context: 32 };
  const bytesOf = (changes: Partial<TrainSettings>) => {
    const settings = { ...SETTINGS, ...sizes, ...changes };
    const trainer = new Trainer(device, settings, trainingData(null, settings));
    const before = device.memory().bytesInUse;
    trainer.step(0);
    const bytes = device.memory().bytesInUse - before; // what the captured step holds
    trainer.dispose();
    trainer.model.dispose();
    return bytes;
  };
  const plain = bytesOf({});
  const parts = bytesOf({ accumulate: 4 });
  const recomputed = bytesOf({ checkpointing: true });
  expect(parts).toBeLessThan(plain / 2);
  expect(recomputed).toBeLessThan(plain / 2);
  expect(bytesOf({ accumulate: 4, checkpointing: true })).toBeLessThan(Math.min(parts, recomputed));
});
