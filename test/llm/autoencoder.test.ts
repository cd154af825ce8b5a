// Stacked autoencoders: one linear layer finds PCA's space, layers are trained one at a time, and the experiment on tiny
// images is whole. What MNIST itself gave is in bench/results, and is checked here too.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { runExperiment } from '../../src/io/experiment.ts';
import { meanInterval } from '../../src/io/mean_interval.ts';
import { Autoencoder, Encoder, fitRows, pretrain, reconstruct } from '../../src/llm/autoencoder.ts';
import { autoencoderExperiment } from '../../src/llm/autoencoder_experiment.ts';
import { summarise } from '../../src/llm/autoencoder_report.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Linear } from '../../src/nn/linear.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { leftSingularVectors, singularValues } from '../reference/singular_values.ts';
import { tinyDigits, writeTinyDigits } from './digits_tiny.ts';

const kept = <T extends object>(x: T) => Object.assign(x, { kept: true });

describe('K1 one linear layer', () => {
  const [COUNT, WIDTH, RANK] = [64, 6, 2];
  // Centred rows whose directions have the standard deviations 3, 2, 0.6, …, turned.
  const random = randomStream(8);
  const square = Array.from({ length: WIDTH * WIDTH }, () => random.normal());
  const turn = leftSingularVectors(square, [WIDTH, WIDTH]);
  const raw = Array.from({ length: COUNT }, () => {
    const z = [3, 2, 0.6, 0.4, 0.3, 0.2].map((size) => size * random.normal());
    return Array.from({ length: WIDTH }, (_, j) =>
      z.reduce((sum, value, k) => sum + value * turn[k]![j]!, 0),
    );
  });
  const means = Array.from({ length: WIDTH }, (_, j) => raw.reduce((s, r) => s + r[j]!, 0) / COUNT);
  const data = raw.map((row) => row.map((value, j) => value - means[j]!));

  /** Vectors of the principal components, [WIDTH] each. */
  function principal(): Float64Array[] {
    const columns = Array.from({ length: WIDTH }, (_, j) => data.map((row) => row[j]!)).flat();
    return leftSingularVectors(columns, [WIDTH, COUNT]).slice(0, RANK);
  }

  /** The largest angle between the space of these columns, [WIDTH, RANK], and that of the components. */
  function largestAngle(columns: ArrayLike<number>): number {
    const basis = leftSingularVectors(columns, [WIDTH, RANK]);
    const cosines = principal().flatMap((a) =>
      basis.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)),
    );
    return Math.acos(Math.min(1, singularValues(cosines, [RANK, RANK]).at(-1)!));
  }

  test.each([false, true])(
    'finds the space of the principal components, tied weights %s',
    async (tied) => {
      const x = kept(device.tensor(data));
      const init = new Initialiser(device, 3);
      const encoder = new Linear(init, WIDTH, RANK, { bias: true, std: 0.3 });
      const pair = new Autoencoder(init, encoder, { tied, activation: null });
      const all = kept(device.arange(COUNT));
      const columns = async () => {
        if (!tied) return pair.decoder.weight!.data();
        const weight = await encoder.weight.data(); // [RANK, WIDTH]
        return Array.from(
          { length: WIDTH * RANK },
          (_, at) => weight[(at % RANK) * WIDTH + Math.floor(at / RANK)]!,
        );
      };
      expect(largestAngle(await columns())).toBeGreaterThan(0.1);
      const recipe = { seed: 1, steps: 1000, batch: 1, learningRate: 0.03, weightDecay: 0 };
      const losses = await fitRows(
        device,
        pair,
        { count: 1 },
        () => pair.loss(embedding(x, all), 0),
        recipe,
      );
      expect(largestAngle(await columns())).toBeLessThan(1e-3);

      // What is lost is what the other components hold.
      const squares = singularValues(data.flat(), [COUNT, WIDTH]).map(
        (value) => value ** 2 / COUNT,
      );
      const left = squares.slice(RANK).reduce((a, b) => a + b);
      expect(losses.at(-1)).toBeCloseTo(left, 4);
    },
  );
});

describe('K1 layer by layer', () => {
  const recipe = { seed: 2, steps: 80, batch: 8, learningRate: 0.01, weightDecay: 0 };
  const options = { tied: false, noise: 0.1 };
  const values = async (encoder: Encoder) =>
    Promise.all(encoder.layers.map(async ({ weight }) => [...(await weight.data())]));

  test('a layer keeps its bits while the next one is trained', async () => {
    const x = kept(device.rand([50, 6], { seed: 1 }));
    const [one, two] = [
      [6, 5],
      [6, 5, 4],
    ].map((widths) => new Encoder(new Initialiser(device, 4), widths));
    const before = await values(two!);
    await pretrain(device, one!, x, new Initialiser(device, 5), options, recipe);
    const layers = await pretrain(device, two!, x, new Initialiser(device, 5), options, recipe);
    const [shallow, deep] = [await values(one!), await values(two!)];
    expect(deep[0]).toEqual(shallow[0]);
    expect(deep[0]).not.toEqual(before[0]);
    expect(deep[1]).not.toEqual(before[1]);
    for (const { losses } of layers) {
      expect(meanInterval(losses.slice(-10)).mean).toBeLessThan(
        meanInterval(losses.slice(0, 10)).mean,
      );
    }
    const restored = noGrad(() =>
      reconstruct(
        layers.map(({ pair }) => pair),
        x,
      ),
    );
    expect(restored.shape).toEqual([50, 6]);
  });
});

describe('K1 the experiment', () => {
  const settings = {
    validation: 100,
    test: 200,
    shrink: 1,
    hidden: [16, 12],
    noise: 0.1,
    pretrainSteps: 100,
    labels: [20, 50],
    steps: 40,
    learningRates: [1e-3, 1e-2],
    seeds: [1, 2],
  };

  test('compares both starts on the same labels, goes on where it was stopped, and chooses by validation', async () => {
    const data = await temporaryFolder();
    await writeTinyDigits(data, tinyDigits(600));
    const folder = await openFolder(await temporaryFolder());
    const stop = new AbortController();
    const all = { ...settings, data };
    await runExperiment(device, autoencoderExperiment, {
      settings: all,
      folder,
      signal: stop.signal,
      onProgress: ({ done }) => done === 3 && stop.abort(),
    });
    const lines: string[] = [];
    const outcome = await runExperiment(device, autoencoderExperiment, {
      settings: all,
      folder,
      resume: true,
      plotLibrary: { script: 'function uPlot() {}', style: '' },
      onProgress: ({ name, kept, line }) => lines.push(`${kept ? 'kept ' : ''}${name}: ${line}`),
    });
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'kept stack-seed-1',
      'kept seed-1-labels-20',
      'kept seed-1-labels-50',
      'stack-seed-2',
      'seed-2-labels-20',
      'seed-2-labels-50',
    ]);
    const summary = summarise(outcome.result!, outcome.settings);
    expect(summary.map(({ labels }) => labels)).toEqual([20, 50]);
    for (const { scratch, pretrained, gain } of summary) {
      expect(scratch.errors).toHaveLength(2);
      for (const start of [scratch, pretrained]) {
        expect(settings.learningRates).toContain(start.learningRate);
        expect(start.mean).toBeLessThan(0.9); // chance
      }
      expect(gain.mean).toBeCloseTo(scratch.mean - pretrained.mean, 12);
    }
    const page = new TextDecoder().decode(await folder.read('report.html'));
    expect(page).toContain('from scratch');
    expect(page).toMatch(/[.:*#]{8}/);
  });

  test('more labels than images, and bad lists, are refused', async () => {
    const data = await temporaryFolder();
    await writeTinyDigits(data, tinyDigits(600));
    const running = (changes: object) =>
      runExperiment(device, autoencoderExperiment, { settings: { ...settings, data, ...changes } });
    await expect(running({ labels: [301] })).rejects.toThrow(
      'labels is [301]; there are 300 training images',
    );
    await expect(running({ labels: [0] })).rejects.toThrow('labels is [0]; expected a list, each');
    await expect(running({ seeds: [] })).rejects.toThrow('seeds is []; expected a list, each');
  });
});

test('K1 what MNIST gave: fewer errors after pre-training, for each number of labels', () => {
  const file = readFileSync('bench/results/autoencoder.json', 'utf8');
  const { settings, cells, summary } = JSON.parse(file);
  expect(settings).toEqual({ ...autoencoderExperiment.defaults, data: settings.data });
  expect(settings.seeds).toHaveLength(10);
  const again = summarise({ cells, stacks: [] }, settings);
  expect(again).toEqual(summary);
  expect(again.map(({ labels }) => labels)).toEqual([100, 300, 1000]);
  for (const { gain } of again) expect(gain.mean).toBeGreaterThan(gain.margin);
});

test('the mean of a few runs has Student-t margins', () => {
  // By hand: sd of 1..5 is sqrt(2.5), t(4) = 2.776.
  const { mean, margin } = meanInterval([1, 2, 3, 4, 5]);
  expect(mean).toBe(3);
  expect(margin).toBeCloseTo((2.776 * Math.sqrt(2.5)) / Math.sqrt(5), 10);
  // t(19) = 2.093, t(30) = 2.042
  for (const [n, t] of [
    [20, 2.093],
    [31, 2.042],
  ] as const) {
    const values = Array.from({ length: n }, (_, i) => i % 2);
    const mean = values.reduce((a, b) => a + b) / n;
    const deviation = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / (n - 1));
    expect(meanInterval(values).margin / (deviation / Math.sqrt(n))).toBeCloseTo(t, 2);
  }
  expect(meanInterval([2]).margin).toBeNaN();
});
