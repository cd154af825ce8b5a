// The base models of the comparison: language models of attribute documents, and the task that they are then asked.

import type { Weights } from '../io/experiment.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { attributeDocument, attributeTokenizer, LINE } from '../text/attributes.ts';
import { YES_NO } from '../text/patterns.ts';
import type { ClassifyBase, ClassifySettings } from './classify_experiment.ts';
import type { TextTask } from './classify_methods.ts';
import { finetune } from './finetune.ts';
import type { Example } from './supervised.ts';
import { Transformer } from './transformer.ts';
import type { TransformerConfig } from './transformer_config.ts';

const tokenizer = attributeTokenizer();
export const PRODUCT_TASK: TextTask = {
  tokenizer,
  pattern: LINE,
  verbaliser: YES_NO,
  separator: '',
};
const TOKENS_PER_LINE = 3;

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

/** The base of this width with its weights. */
export function loadBase(
  device: Device,
  settings: ClassifySettings,
  width: number,
  tensors: Weights<ClassifyBase>['tensors'],
): Transformer {
  const model = new Transformer(new Initialiser(device, 0), baseConfig(settings, width));
  model.load(tensors);
  return model;
}
