// In-context learning against fine-tuning (lecture rows J4 and J6), the figure of Mosbach et al. 2023 in small: base models of
// several sizes, trained on the same attribute documents in the same way; a seed is a rule that no document has, with its
// examples; each is learned by each method from more and more of the examples.

import { positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment, Weights } from '../io/experiment.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import {
  ANSWERS,
  attributeDocument,
  attributeTokenizer,
  describe,
  drawTask,
  type LabelledProduct,
  LINE,
  posterior,
} from '../text/attributes.ts';
import {
  CLASSIFY_METHODS,
  type ClassifyMethod,
  classify,
  classifyByHead,
  type LabelledInput,
  type TextTask,
  tuneHead,
  tunePattern,
} from './classify_methods.ts';
import { classifyReport } from './classify_report.ts';
import { finetune } from './finetune.ts';
import type { Example } from './supervised.ts';
import { Transformer } from './transformer.ts';
import type { TransformerConfig } from './transformer_config.ts';

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
  /** Of fine-tuning by pattern; with a new head it is `headRate` times as much. Each is near its best on other rules. */
  learningRate: 5e-4,
  headRate: 4,
  epochs: 20,
  batch: 16,
};

export type ClassifySettings = typeof CLASSIFY_DEFAULTS;

const CLASSIFY_CHECKS = {
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

export interface ClassifyResults {
  readonly bases: readonly ClassifyBase[];
  readonly results: readonly ClassifyResult[];
  /** What the prior of the rules and all the examples allow, by number of examples: the mean over the seeds. */
  readonly bayes: readonly { readonly examples: number; readonly accuracy: number }[];
}

export const classifyExperiment: Experiment<ClassifySettings, ClassifyResults> = {
  defaults: CLASSIFY_DEFAULTS,
  checks: CLASSIFY_CHECKS,
  count: ({ widths, examples, seeds }) =>
    widths.length * (1 + CLASSIFY_METHODS.length * examples.length * seeds.length),
  run,
  report: classifyReport,
};

const tokenizer = attributeTokenizer();
export const PRODUCT_TASK: TextTask = {
  tokenizer,
  pattern: LINE,
  verbaliser: ANSWERS,
  separator: '',
};
const TOKENS_PER_LINE = 3;

async function run(
  device: Device,
  settings: ClassifySettings,
  cells: Cells,
): Promise<ClassifyResults> {
  const { widths, examples, seeds } = settings;
  const bases: ClassifyBase[] = [];
  const results: ClassifyResult[] = [];
  for (const width of widths) {
    const base = await cells.weights(
      `base-width-${width}`,
      () => trainBase(device, settings, width, cells.signal),
      ({ parameters, loss }) => `${parameters} values, ${loss.toFixed(4)} nats`,
    );
    bases.push(base.about);
    for (const method of CLASSIFY_METHODS) {
      for (const count of examples) {
        for (const seed of seeds) {
          const result = await cells.cell(
            `width-${width}-${method}-${count}-seed-${seed}`,
            async () => {
              const { shots, queries } = drawClassification(seed, count);
              const model = loaded(device, settings, width, base);
              const accuracy = await learnAndTest(device, model, method, settings, {
                seed,
                shots,
                queries,
                signal: cells.signal,
              });
              model.dispose();
              cells.signal.throwIfAborted();
              return { width, method, examples: count, seed, accuracy };
            },
            ({ accuracy }) => `${(100 * accuracy).toFixed(1)} %`,
          );
          results.push(result);
        }
      }
    }
  }
  const bayes = examples.map((count) => ({
    examples: count,
    accuracy: mean(seeds.map((seed) => bayesAccuracy(seed, count))),
  }));
  return { bases, results, bayes };
}

/** A rule that no document has: examples, the same for all methods and more of them as `count` grows, and other products. */
export function drawClassification(seed: number, count: number) {
  const { products } = drawTask(seed, HELD_OUT, { heldOut: true });
  const half = products.length / 2;
  const labelled = (some: readonly LabelledProduct[]): LabelledInput[] =>
    some.map((product) => ({ input: describe(product), label: product.good ? 'yes' : 'no' }));
  return {
    shots: labelled(products.slice(0, count)),
    queries: labelled(products.slice(half)),
  };
}

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
  const queries = products.slice(products.length / 2);
  return mean(queries.map((x) => Number(posterior(shots, x) > 0.5 === x.good)));
}

function loaded(
  device: Device,
  settings: ClassifySettings,
  width: number,
  { tensors }: Weights<ClassifyBase>,
): Transformer {
  const model = new Transformer(new Initialiser(device, 0), baseConfig(settings, width));
  model.load(tensors);
  return model;
}

/** A model of the documents, of every token of them, from the first line on. */
export async function trainBase(
  device: Device,
  settings: ClassifySettings,
  width: number,
  signal: AbortSignal,
): Promise<{ module: Transformer; about: ClassifyBase }> {
  const { baseSeed: seed, baseSteps: steps, baseBatch: batch, documents, shots } = settings;
  const module = new Transformer(new Initialiser(device, seed), baseConfig(settings, width));
  const some = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => document(seed, from + i, shots + 1));
  const data = { train: some(0, documents), heldOut: some(documents, HELD_OUT_DOCUMENTS) };
  const { evaluations } = await finetune(device, module, data, {
    settings: {
      method: 'full',
      seed,
      steps,
      batch,
      learningRate: settings.baseLearningRate / width,
      warmup: 0.05,
      beta2: 0.98,
      evaluateEvery: steps,
    },
    signal,
  });
  signal.throwIfAborted();
  const { parameterCount: parameters } = module;
  return { module, about: { width, parameters, loss: evaluations.at(-1)!.loss } };
}

const HELD_OUT_DOCUMENTS = 128;

/** All tokens count but the first, which nothing precedes. */
function document(seed: number, index: number, lines: number): Example {
  const ids = tokenizer.encode(attributeDocument(seed, index, lines));
  return { place: `document ${index}`, ids, counted: Array.from(ids, (_, i) => i > 0) };
}

export function baseConfig(
  { layers, heads, shots }: ClassifySettings,
  width: number,
): TransformerConfig {
  return {
    vocabularySize: tokenizer.vocabularySize,
    context: TOKENS_PER_LINE * (shots + 1) - 1,
    layers,
    heads,
    keyValueHeads: heads,
    width,
    hidden: 4 * width,
    positions: 'rope',
    norm: 'rmsNorm',
    activation: 'gelu',
    bias: false,
    tiedEmbeddings: true,
    dropout: 0,
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
