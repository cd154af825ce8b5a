// In-context learning against fine-tuning (lecture rows J4 and J6), the figure of Mosbach et al. 2023 in small: base models of
// several sizes, trained on the same attribute documents in the same way; a seed is a rule that no document has, with its
// examples; each is learned by each method from more and more of the examples.

import { type Checks, increasing, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import {
  describe,
  drawTask,
  type LabelledProduct,
  labelOf,
  NO_PRODUCT,
  PRODUCTS,
  posterior,
} from '../text/attributes.ts';
import { loadBase, PRODUCT_TASK, trainBase } from './classify_base.ts';
import {
  CLASSIFY_METHODS,
  type ClassifyMethod,
  classify,
  classifyByHead,
  type LabelledInput,
  tuneHead,
  tunePattern,
} from './classify_methods.ts';
import { classifyReport } from './classify_report.ts';
import { type OrderSensitivity, orderStudy } from './order_study.ts';
import type { Transformer } from './transformer.ts';

export const CLASSIFY_DEFAULTS = {
  /** Of the base models. */
  widths: [8, 16, 32, 64],
  layers: 2,
  heads: 2,
  /** Most examples that the context has room for. */
  shots: 32,
  baseSeed: 1,
  /** Distinct ones that the bases are trained on, each with a rule of its own. */
  documents: 6400,
  baseSteps: 400,
  baseBatch: 16,
  /** Over the width. */
  baseLearningRate: 0.1,
  /** Numbers of labelled examples. */
  examples: [2, 4, 8, 16, 32, 64, 128],
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  /** Of fine-tuning by pattern; with a new head it is `headRate` times as much. Both were chosen on other rules. */
  learningRate: 5e-4,
  headRate: 4,
  epochs: 20,
  batch: 16,
};

export type ClassifySettings = typeof CLASSIFY_DEFAULTS;

/** Half of the products can be examples; the others are asked. */
const MOST_EXAMPLES = PRODUCTS / 2;

const CLASSIFY_CHECKS: Checks<ClassifySettings> = {
  widths: increasing() as never,
  examples: increasing(MOST_EXAMPLES) as never,
  seeds: increasing() as never,
  layers: positiveInteger,
  heads: positiveInteger,
  shots: positiveInteger,
  documents: positiveInteger,
  baseSteps: positiveInteger,
  baseBatch: positiveInteger,
  baseLearningRate: positive,
  learningRate: positive,
  headRate: positive,
  epochs: positive,
  batch: positiveInteger,
};

/** A base model. */
export interface ClassifyBase {
  readonly width: number;
  readonly parameters: number;
  /** Per token of held-out documents, in nats. */
  readonly loss: number;
}

export interface ClassifyResult {
  readonly width: number;
  readonly method: ClassifyMethod;
  readonly examples: number;
  readonly seed: number;
  /** On products that are not among the examples. */
  readonly accuracy: number;
}

/** Four examples in the context, in all their orders (J2). */
export interface ClassifyOrders {
  readonly width: number;
  readonly seed: number;
  readonly raw: OrderSensitivity;
  readonly calibrated: OrderSensitivity;
}

export interface ClassifyResults {
  readonly bases: readonly ClassifyBase[];
  readonly results: readonly ClassifyResult[];
  readonly orders: readonly ClassifyOrders[];
  /** What the prior of the rules and all the examples allow, by number of examples: the mean over the seeds. */
  readonly bayes: readonly { readonly examples: number; readonly accuracy: number }[];
}

export const classifyExperiment: Experiment<ClassifySettings, ClassifyResults> = {
  defaults: CLASSIFY_DEFAULTS,
  checks: CLASSIFY_CHECKS,
  count: ({ widths, examples, seeds }) =>
    widths.length * (1 + (CLASSIFY_METHODS.length * examples.length + 1) * seeds.length),
  run,
  report: classifyReport,
};

async function run(
  device: Device,
  settings: ClassifySettings,
  cells: Cells,
): Promise<ClassifyResults> {
  const { widths, examples, seeds } = settings;
  const bases: ClassifyBase[] = [];
  const results: ClassifyResult[] = [];
  const orders: ClassifyOrders[] = [];
  for (const width of widths) {
    const base = await cells.weights(
      `base-width-${width}`,
      () => trainBase(device, settings, width, cells.signal),
      ({ parameters, loss }) => `${parameters} values, ${loss.toFixed(4)} nats`,
    );
    bases.push(base.about);
    const withBase = async <T>(use: (model: Transformer) => Promise<T>): Promise<T> => {
      const model = loadBase(device, settings, width, base.tensors);
      const value = await use(model);
      model.dispose();
      cells.signal.throwIfAborted();
      return value;
    };
    for (const seed of seeds) {
      const data = { ...drawClassification(seed, ORDERED), contentFree: [NO_PRODUCT] };
      const sensitivity = await cells.cell(
        `width-${width}-orders-seed-${seed}`,
        () => withBase((model) => orderStudy(device, model, PRODUCT_TASK, data)),
        ({ raw, calibrated }) =>
          `variance ${raw.probabilityVariance.toExponential(1)}, calibrated ${calibrated.probabilityVariance.toExponential(1)}`,
      );
      orders.push({ width, seed, raw: sensitivity.raw, calibrated: sensitivity.calibrated });
    }
    for (const method of CLASSIFY_METHODS) {
      for (const count of examples) {
        for (const seed of seeds) {
          const learning = { seed, ...drawClassification(seed, count), signal: cells.signal };
          const { accuracy } = await cells.cell(
            `width-${width}-${method}-${count}-seed-${seed}`,
            async () => ({
              accuracy: await withBase((model) =>
                learnAndTest(device, model, method, settings, learning),
              ),
            }),
            ({ accuracy }) => `${(100 * accuracy).toFixed(1)} %`,
          );
          results.push({ width, method, examples: count, seed, accuracy });
        }
      }
    }
  }
  const bayes = examples.map((count) => ({
    examples: count,
    accuracy: mean(seeds.map((seed) => bayesAccuracy(seed, count))),
  }));
  return { bases, results, orders, bayes };
}

/** A rule that no document has: examples, the same for all methods and more of them as `count` grows, and other products. */
export function drawClassification(seed: number, count: number) {
  const { products } = drawTask(seed, HELD_OUT, { heldOut: true });
  const labelled = (some: readonly LabelledProduct[]): LabelledInput[] =>
    some.map((product) => ({ input: describe(product), label: labelOf(product) }));
  return {
    shots: labelled(products.slice(0, count)),
    queries: labelled(products.slice(MOST_EXAMPLES)),
  };
}

/** Examples whose orders are compared: 24 of them. */
const ORDERED = 4;

/** The number of the tasks that are to be learned; documents count from 0. */
const HELD_OUT = 0xffffffff;

interface Learning {
  readonly seed: number;
  readonly shots: readonly LabelledInput[];
  readonly queries: readonly LabelledInput[];
  readonly signal: AbortSignal;
}

async function learnAndTest(
  device: Device,
  model: Transformer,
  method: ClassifyMethod,
  { learningRate, headRate, epochs, batch }: ClassifySettings,
  { seed, shots, queries, signal }: Learning,
): Promise<number> {
  const tuning = { seed, learningRate, epochs, batch: Math.min(batch, shots.length) };
  const inputs = queries.map(({ input }) => input);
  const correct = (found: readonly string[]) =>
    mean(found.map((label, i) => Number(label === queries[i]!.label)));
  if (method === 'icl') return correct(await classify(device, model, PRODUCT_TASK, shots, inputs));
  if (method === 'pattern') {
    await tunePattern(device, model, PRODUCT_TASK, shots, tuning, signal);
    return correct(await classify(device, model, PRODUCT_TASK, [], inputs));
  }
  const headTuning = { ...tuning, learningRate: headRate * learningRate };
  const head = await tuneHead(device, model, PRODUCT_TASK, shots, headTuning, signal);
  const accuracy = correct(await classifyByHead(device, model, head, PRODUCT_TASK, inputs));
  head.dispose();
  return accuracy;
}

/** The most that any classifier reaches on average with these examples, on the products that the methods are asked. */
function bayesAccuracy(seed: number, count: number): number {
  const { products } = drawTask(seed, HELD_OUT, { heldOut: true });
  const shots = products.slice(0, count);
  const queries = products.slice(MOST_EXAMPLES);
  return mean(queries.map((x) => Number(posterior(shots, x) > 0.5 === x.good)));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
