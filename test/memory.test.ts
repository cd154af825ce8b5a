// Training needs no more memory at step 300 than at step 3, to the byte, and repeats itself bit for bit.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trainingData } from '../src/llm/data.ts';
import { TRAIN_DEFAULTS, type TrainSettings } from '../src/llm/settings.ts';
import { Trainer } from '../src/llm/trainer.ts';
import { Initialiser } from '../src/nn/initialiser.ts';
import { MLP } from '../src/nn/layers.ts';
import { Device, type MemoryReport } from '../src/ops/device.ts';
import { mean } from '../src/ops/reduce.ts';
import { square } from '../src/ops/unary.ts';
import { AdamW } from '../src/optim/adamw.ts';
import { backward } from '../src/tensor/tape.ts';
import { TINY } from './llm/tiny.ts';

const STEPS = 300;
const WARM = 2; // steps that may create buffers: from the third on, nothing changes

const SETTINGS: TrainSettings = { ...TRAIN_DEFAULTS, ...TINY, steps: STEPS };

let device: Device;

beforeEach(async () => {
  device = await Device.open();
});

afterEach(() => device.destroy());

/** The memory at the end of each step, from the last warm one on. */
async function figures(
  steps: number,
  step: (n: number) => void | Promise<void>,
): Promise<MemoryReport[]> {
  const reports: MemoryReport[] = [];
  for (let n = 0; n < steps; n++) {
    await step(n);
    reports.push(device.memory());
  }
  return reports.slice(WARM - 1);
}

/** Distinct values of each figure: one where it stands still. */
function distinct(reports: readonly MemoryReport[]) {
  const names = Object.keys(reports[0]!) as (keyof MemoryReport)[];
  return Object.fromEntries(
    names.map((name) => [name, [...new Set(reports.map((report) => report[name]))]]),
  );
}

const standingStill = (report: MemoryReport) =>
  Object.fromEntries(Object.entries(report).map(([name, value]) => [name, [value]]));

function mlpStep({ scoped }: { scoped: boolean }) {
  const model = new MLP(new Initialiser(device, 1), {
    width: 16,
    hidden: 32,
    activation: 'gelu',
    bias: true,
    outputStd: 0.02,
  });
  const optimizer = new AdamW([...model.namedParameters()], { lr: 1e-3 });
  const x = device.randn([8, 16], { seed: 2 });
  const work = () => {
    backward(mean(square(model.forward(x))));
    optimizer.step({ zeroGrad: true });
  };
  return () => (scoped ? device.scope(work) : work());
}

describe('memory while training', () => {
  it('of a language model stands still from the third step on, whether losses are read or not', async () => {
    const trainer = new Trainer(device, SETTINGS, trainingData(null, SETTINGS));
    const reports = await figures(STEPS, async (n) => {
      trainer.step(n);
      if (n % 10 === 9) await trainer.lossesSince(n - 9, n + 1);
    });
    expect(distinct(reports)).toEqual(standingStill(reports[0]!));
    trainer.dispose();
    trainer.model.dispose();
  });

  it('of a multi-layer perceptron stands still, too', async () => {
    const reports = await figures(STEPS, mlpStep({ scoped: true }));
    expect(distinct(reports)).toEqual(standingStill(reports[0]!));
  });

  it('grows when a step forgets its scope: the figures show it', async () => {
    const reports = await figures(10, mlpStep({ scoped: false }));
    for (const [i, report] of reports.slice(1).entries()) {
      expect(report.tensors).toBeGreaterThan(reports[i]!.tensors);
      expect(report.bytesInUse).toBeGreaterThan(reports[i]!.bytesInUse);
      expect(report.buffersCreated).toBeGreaterThan(reports[i]!.buffersCreated);
    }
  });

  it('ends where it began when everything is disposed', () => {
    const data = trainingData(null, SETTINGS);
    const run = () => {
      const trainer = new Trainer(device, SETTINGS, data);
      trainer.step(0);
      trainer.dispose();
      trainer.model.dispose();
      const { tensors, bytesInUse } = device.memory();
      return { tensors, bytesInUse };
    };
    // What is left after the first is kept for good: RoPE's angles, the state of the random numbers.
    const first = run();
    expect(run()).toEqual(first);
  });
});

describe('the same seed', () => {
  async function losses(seed: number, steps: number): Promise<number[]> {
    const settings = { ...SETTINGS, seed };
    const trainer = new Trainer(device, settings, trainingData(null, settings));
    const all: number[] = [];
    for (let n = 0; n < steps; n++) {
      trainer.step(n);
      if (n % 10 === 9) all.push(...(await trainer.lossesSince(n - 9, n + 1)));
    }
    trainer.dispose();
    trainer.model.dispose();
    return all;
  }

  it('gives the same losses bit for bit, and another seed does not', async () => {
    const first = await losses(1, 60);
    expect(first.at(-1)).toBeLessThan(first[0]!);
    expect(await losses(1, 60)).toEqual(first);
    expect(await losses(2, 10)).not.toEqual(first.slice(0, 10));
  });
});
