// A small model of attribute documents, learned in seconds, and what it makes of examples: their order, calibration, and the
// three methods. The figure itself is the command's: shadegrad classify-compare.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { type ExperimentOutcome, runExperiment } from '../../src/io/experiment.ts';
import { toFloats } from '../../src/io/float_tensors.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { loadBase, PRODUCT_TASK } from '../../src/llm/classify_base.ts';
import {
  CLASSIFY_DEFAULTS,
  type ClassifyResults,
  type ClassifySettings,
  classifyExperiment,
  drawClassification,
} from '../../src/llm/classify_experiment.ts';
import { type ClassifyMethod, classify } from '../../src/llm/classify_methods.ts';
import {
  crossovers,
  pairedDifference,
  summariseClassify,
  summariseOrders,
} from '../../src/llm/classify_report.ts';
import { permutations } from '../../src/llm/order_study.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { device } from '../device.ts';

const SETTINGS: ClassifySettings = {
  ...CLASSIFY_DEFAULTS,
  widths: [16],
  shots: 8,
  documents: 2000,
  baseSteps: 200,
  examples: [2, 8],
  seeds: [1, 2, 3],
};

let folder: string;
let outcome: ExperimentOutcome<ClassifySettings, ClassifyResults>;
const lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'classify-'));
  outcome = await runExperiment(device, classifyExperiment, {
    settings: SETTINGS,
    folder: await openFolder(folder),
    onProgress: ({ name, line }) => lines.push(`${name}: ${line}`),
  });
}, 600_000);
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** The base that the experiment keeps. */
async function base(): Promise<Transformer> {
  const bytes = await readFile(join(folder, 'weights/base-width-16.safetensors'));
  const { tensors } = readSafetensors(bytes, 'base');
  const floats = [...tensors].map(([name, x]) => [name, { ...x, data: toFloats(x) }] as const);
  return loadBase(device, SETTINGS, 16, new Map(floats));
}

/** Rules that no document has, beyond those of the experiment. */
const OTHERS = [11, 12, 13];

describe('J2: the order of four examples', () => {
  test('all 24 of them; calibration with "N/A" lowers the variance over them', () => {
    const { orders } = outcome.result!;
    expect(orders.map(({ seed }) => seed)).toEqual(SETTINGS.seeds);
    for (const { raw, calibrated } of orders)
      for (const { accuracies } of [raw, calibrated]) expect(accuracies).toHaveLength(24);
    const [raw, calibrated] = summariseOrders(outcome.result!, SETTINGS);
    expect(raw!.accuracy).toBeGreaterThan(0.7);
    expect(raw!.probabilityVariance).toBeGreaterThan(0);
    expect(calibrated!.probabilityVariance).toBeLessThan(raw!.probabilityVariance / 2);
  });

  test('every order once', () => {
    const orders = permutations([1, 2, 3, 4]);
    expect(new Set(orders.map((order) => order.join())).size).toBe(24);
    expect(orders[0]).toEqual([1, 2, 3, 4]);
  });
});

describe('J5: examples in the context', () => {
  test('tell the model the rule: it is better with eight than without, and worse with wrong labels', async () => {
    const model = await base();
    const share = { none: 0, right: 0, wrong: 0 };
    for (const seed of OTHERS) {
      const { shots, queries } = drawClassification(seed, 8);
      const inputs = queries.map(({ input }) => input);
      const wrong = shots.map(({ input, label }) => ({
        input,
        label: label === 'yes' ? 'no' : 'yes',
      }));
      for (const [name, some] of Object.entries({ none: [], right: shots, wrong })) {
        const found = await classify(device, model, PRODUCT_TASK, some, inputs);
        const correct = found.filter((label, i) => label === queries[i]!.label).length;
        share[name as keyof typeof share] += correct / queries.length / OTHERS.length;
      }
    }
    model.dispose();
    expect(share.right).toBeGreaterThan(share.none);
    expect(share.wrong).toBeLessThan(share.right);
  });
});

const meanOf = (method: ClassifyMethod, examples: number): number =>
  summariseClassify(outcome.result!, SETTINGS).find(
    (x) => x.method === method && x.examples === examples,
  )!.mean;

describe('J4: few examples', () => {
  test('fine-tuning on the pattern is not worse than with a new head', () => {
    const difference = pairedDifference(outcome.result!, SETTINGS, ['pattern', 'head'], 16);
    expect(difference.mean).toBeGreaterThanOrEqual(0);
    expect(meanOf('pattern', 8)).toBeGreaterThan(0.8);
  });
});

describe('J6: the comparison in miniature', () => {
  test('in context is better with two examples, fine-tuning with eight', () => {
    expect(meanOf('icl', 2)).toBeGreaterThan(meanOf('pattern', 2));
    expect(meanOf('pattern', 8)).toBeGreaterThan(meanOf('icl', 8));
    const summary = summariseClassify(outcome.result!, SETTINGS);
    expect(crossovers(summary, SETTINGS)).toEqual([{ width: 16, examples: 8 }]);
    const { bayes } = outcome.result!;
    expect(bayes.map(({ examples }) => examples)).toEqual([2, 8]);
    expect(bayes[1]!.accuracy).toBeGreaterThan(bayes[0]!.accuracy);
    expect(bayes[1]!.accuracy).toBeGreaterThan(0.85);
  });

  test('a cell for each size, method, number of examples and seed, and a mark for each seed', async () => {
    expect(lines).toHaveLength(classifyExperiment.count(SETTINGS));
    expect(lines[0]).toMatch(/^base-width-16: 6928 values, \d\.\d{4} nats$/);
    expect(lines.at(-1)).toMatch(/^width-16-head-8-seed-3: \d+\.\d %$/);
    const { plots, tables } = classifyExperiment.report(outcome.result!, SETTINGS);
    const marks = plots[0]!.series.filter(({ points }) => points);
    expect(marks.map(({ x }) => x.length)).toEqual([3, 3, 3]);
    expect(plots).toHaveLength(2);
    expect(tables!.map(({ rows }) => rows.length)).toEqual([4, 2]);
    const read = await readFile(join(folder, 'results.json'), 'utf8');
    expect(JSON.parse(read).result).toEqual(outcome.result);
  });

  test('refuses more examples than there are products for, before anything is computed', async () => {
    const settings = { ...SETTINGS, examples: [2, 200] };
    await expect(runExperiment(device, classifyExperiment, { settings })).rejects.toThrow(
      'examples is [2,200]; expected whole numbers above 0, each larger than the one before and none above 128',
    );
  });

  test('goes on cell by cell, and gives the same numbers', async () => {
    await rm(join(folder, 'cells/width-16-pattern-2-seed-1.json'));
    const computed: string[] = [];
    const again = await runExperiment(device, classifyExperiment, {
      settings: SETTINGS,
      folder: await openFolder(folder),
      resume: true,
      onProgress: ({ name, kept }) => {
        if (!kept) computed.push(name);
      },
    });
    expect(computed).toEqual(['width-16-pattern-2-seed-1']);
    expect(again.result).toEqual(outcome.result);
  });
});
