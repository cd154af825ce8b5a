// Fine-tuning as a whole: parts as the whole batch, learning, stopping, adapters swapped and merged.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { runExperiment } from '../../src/io/experiment.ts';
import type { Batch } from '../../src/llm/batch.ts';
import { evaluateRows } from '../../src/llm/evaluate.ts';
import { finetune, finetuner } from '../../src/llm/finetune.ts';
import { FINETUNE_DEFAULTS, type FinetuneSettings } from '../../src/llm/finetune_settings.ts';
import { rankExperiment } from '../../src/llm/rank_experiment.ts';
import { summarise } from '../../src/llm/rank_report.ts';
import type { TrainProgress } from '../../src/llm/run_steps.ts';
import { type Example, exampleBatches, longest, padded } from '../../src/llm/supervised.ts';
import { trainable } from '../../src/llm/trainable.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { mergeAdapter, setAdapter, unmergeAdapter, withAdapter } from '../../src/nn/linear.ts';
import { Device } from '../../src/ops/device.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { expectClose } from '../reference/close.ts';
import { examplesOf, makeModel, valuesOf } from './finetune_tiny.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

const BATCH = 8;
const settingsOf = (changes: Partial<FinetuneSettings>): FinetuneSettings => ({
  ...FINETUNE_DEFAULTS,
  batch: BATCH,
  steps: 6,
  learningRate: 0.01,
  ...changes,
});

describe('H1: a batch in parts', () => {
  async function trained(accumulate: number) {
    const model = makeModel(device);
    const data = { train: examplesOf(40), heldOut: [] };
    const tuner = finetuner(device, model, data, settingsOf({ method: 'full', accumulate }));
    for (let step = 0; step < 6; step++) tuner.step(step);
    const losses = await tuner.lossesSince(0, 6);
    tuner.dispose();
    const values = await valuesOf(model);
    model.dispose();
    return { losses, values };
  }

  test('trains as the whole batch, though its parts count unequal numbers of tokens', async () => {
    const [whole, parts] = [await trained(1), await trained(4)];
    for (const [i, loss] of parts.losses.entries())
      expect(Math.abs(loss - whole.losses[i]!)).toBeLessThan(1e-5);
    for (const [name, values] of parts.values) {
      const expected = Float64Array.from(whole.values.get(name)!);
      // Adam divides by the gradient's size: where that is rounding alone, so is the step.
      expectClose(values, expected, { rtol: 0, atol: 1e-3 }, name);
    }
  });

  test('has the mean over tokens as its loss, not the mean of means', async () => {
    const model = makeModel(device);
    for (const x of model.parameters())
      x.write(Array.from(await x.data(), (v, i) => v + 0.3 * Math.sin(i)));
    const train = examplesOf(40);
    const batch = exampleBatches(train, { seed: FINETUNE_DEFAULTS.seed, batch: BATCH })(0);
    const length = longest(train);
    const lossOf = ({ ids, targets }: Batch<Tensor>) =>
      model.loss(ids, targets, { reduction: 'sum' });
    const meanOf = (some: readonly Example[]) =>
      evaluateRows(device, lossOf, padded(some, length), { batch: 4, count: some.length });
    const overTokens = await meanOf(batch);
    const means = await Promise.all(batch.map((example) => meanOf([example])));
    const tuner = finetuner(
      device,
      model,
      { train, heldOut: [] },
      settingsOf({ method: 'full', accumulate: 4 }),
    );
    tuner.step(0);
    const [loss] = await tuner.lossesSince(0, 1);
    tuner.dispose();
    expect(Math.abs(loss! - overTokens)).toBeLessThan(1e-5);
    const meanOfMeans = means.reduce((sum, each) => sum + each, 0) / BATCH;
    expect(Math.abs(loss! - meanOfMeans)).toBeGreaterThan(1e-3);
    model.dispose();
  });
});

describe('a run', () => {
  const data = { train: examplesOf(60), heldOut: examplesOf(12, 2) };

  test('H1: a model learns a task, and bottlenecks on it another', async () => {
    const config = { width: 16, hidden: 32, layers: 1 };
    const base = makeModel(device, config);
    const settings = { steps: 60, evaluateEvery: 30, learningRate: 0.02 };
    const { evaluations } = await finetune(device, base, data, {
      settings: { ...settings, method: 'full' },
    });
    expect(evaluations.map(({ step }) => step)).toEqual([0, 30, 60]);
    expect(evaluations[0]!.loss).toBeCloseTo(Math.log(10), 0);
    expect(evaluations[2]!.loss).toBeLessThan(1.8); // from 2.3
    const values = new Map<string, { shape: readonly number[]; data: ArrayLike<number> }>();
    for (const [name, x] of base.namedTensors())
      values.set(name, { shape: x.shape, data: await x.data() });
    base.dispose();
    const other = { train: examplesOf(60, 3, 2), heldOut: examplesOf(12, 4, 2) };
    const model = makeModel(device, config);
    model.load(values);
    const tuned = await finetune(device, model, other, {
      settings: { ...settings, method: 'adapter' },
    });
    const [before, , after] = tuned.evaluations.map(({ loss }) => loss);
    expect(after!).toBeLessThan(before! - 0.2);
    model.dispose();
  });

  test('is repeated by its seed, bit for bit, with dropout', async () => {
    const run = async (seed: number) => {
      const model = makeModel(device);
      const losses: number[] = [];
      const { evaluations } = await finetune(device, model, data, {
        settings: { steps: 8, evaluateEvery: 4, loraDropout: 0.2, seed },
        onProgress: (progress) => void losses.push(...progress.losses),
      });
      model.dispose();
      return { losses, evaluations };
    };
    const first = await run(5);
    expect(first.losses).toHaveLength(8);
    expect(await run(5)).toEqual(first);
    expect((await run(6)).losses).not.toEqual(first.losses);
  });

  test('tells its progress, and stops at the signal with what it has learned', async () => {
    const model = makeModel(device);
    const controller = new AbortController();
    const told: TrainProgress[] = [];
    let time = 0;
    const result = await finetune(device, model, data, {
      settings: { steps: 50, method: 'bitfit' },
      clock: () => (time += 1000),
      signal: controller.signal,
      onProgress: (progress) => {
        told.push(progress);
        if (progress.step === 3) controller.abort();
      },
    });
    expect(told.map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(result).toMatchObject({ step: 3, steps: 50, stopped: true, adapterName: null });
    model.dispose();
  });

  test('gives back what it took', async () => {
    const model = makeModel(device);
    const tensors = device.memory().tensors;
    await finetune(device, model, data, { settings: { steps: 2, method: 'bitfit' } });
    expect(device.memory().tensors).toBe(tensors);
    model.dispose();
  });

  test('by default takes three epochs', async () => {
    const model = makeModel(device);
    const { step } = await finetune(device, model, { train: data.train.slice(0, 10), heldOut: [] });
    expect(step).toBe(Math.ceil(30 / 8));
    model.dispose();
  });

  test('without examples, and with a setting that is none, is refused', async () => {
    const model = makeModel(device);
    await expect(finetune(device, model, { train: [], heldOut: [] })).rejects.toThrow(ConfigError);
    const settings = { method: 'lara' as 'lora' };
    await expect(finetune(device, model, data, { settings })).rejects.toThrow('method is "lara"');
    model.dispose();
  });
});

describe('H7: adapters at run time', () => {
  let model: Transformer;
  let logits: () => Promise<ArrayLike<number>>;

  beforeAll(async () => {
    model = makeModel(device);
    const ids = device.tensor(Int32Array.of(1, 2, 3, 4, 5), { shape: [1, 5] });
    logits = () => noGrad(() => model.forward(ids)).data();
    for (const [i, name] of ['A', 'B'].entries()) {
      trainable(model, new Initialiser(device, i), { kind: 'lora', rank: 2 }, name);
      for (const [tensor, x] of model.namedParameters())
        if (tensor.endsWith('.b'))
          x.write(Array.from({ length: x.size }, (_, j) => Math.sin(j + i)));
    }
  });

  test('A, B and A again: the same logits, bit for bit; merged or not', async () => {
    const base = await logits();
    const selected = async (name: string | null) => {
      setAdapter(model, name);
      return logits();
    };
    const [a, b] = [await selected('A'), await selected('B')];
    expect(a).not.toEqual(b);
    expect(await selected('A')).toEqual(a);
    expect(await selected(null)).toEqual(base);
    const merged = async (name: string) => {
      mergeAdapter(model, name);
      const y = await logits();
      unmergeAdapter(model);
      return y;
    };
    const first = await merged('A');
    expectClose(first, Float64Array.from(a), { rtol: 1e-5, atol: 1e-5 }, 'merged A');
    expect(await merged('B')).not.toEqual(first);
    expect(await merged('A')).toEqual(first);
    expect(await logits()).toEqual(base);
  });

  test('merged, a forward pass takes as many launches as the base', async () => {
    const dispatch = device.gpu.dispatch.bind(device.gpu);
    let launches = 0;
    device.gpu.dispatch = (each) => {
      launches++;
      dispatch(each);
    };
    const count = async (run: () => Promise<unknown>) => {
      launches = 0;
      await run();
      return launches;
    };
    const base = await count(logits);
    const unmerged = await count(() => {
      setAdapter(model, 'A');
      return logits();
    });
    setAdapter(model, null);
    mergeAdapter(model, 'A');
    expect(await count(logits)).toBe(base);
    expect(unmerged).toBeGreaterThan(base);
    unmergeAdapter(model);
    device.gpu.dispatch = dispatch;
  });

  test('an adapter that no layer has is refused', () => {
    expect(() => setAdapter(model, 'C')).toThrow('setAdapter: no adapter "C"; the model has A, B');
    expect(() => withAdapter(model, 'C', () => 0)).toThrow('withAdapter: no adapter "C"');
    expect(() => mergeAdapter(model, 'C')).toThrow('mergeAdapter: no adapter "C"');
  });
});

test('H7: with more rank LoRA comes nearer to full fine-tuning', async () => {
  const lines: string[] = [];
  const { settings, result } = await runExperiment(device, rankExperiment, {
    settings: {
      letters: 8,
      wordLength: 2,
      width: 16,
      heads: 2,
      baseSteps: 120,
      steps: 60,
      ranks: [1, 8],
      seeds: [1],
      examples: 500,
      heldOut: 64,
    },
    onProgress: ({ name, line }) => lines.push(`${name}: ${line}`),
  });
  const [low, high, full] = summarise(result!, settings);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^base-seed-1: 0\.\d{4} nats$/);
  expect(lines[3]).toMatch(/^seed-1-full: \d+ values, \d\.\d{4} nats$/);
  expect(full!.rank).toBeNull();
  expect(high!.mean).toBeLessThan(low!.mean / 2);
  expect(full!.mean).toBeLessThan(high!.mean);
});
