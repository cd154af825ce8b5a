// Three ways to make a classifier of a language model and a few labelled examples: in-context learning, which trains nothing;
// fine-tuning on the examples in the words of a pattern (Schick & Schütze 2021); and fine-tuning with a new head.

import { DataError } from '../errors.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { Linear } from '../nn/linear.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import { fewShotPrompt, type Pattern, type Shot } from '../text/patterns.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import {
  bestLabel,
  calibrateScores,
  encodeLabels,
  type Labels,
  promptRows,
  scoreLabels,
  type Verbaliser,
} from './classify.ts';
import { finetune } from './finetune.ts';
import type { FinetuneSettings } from './finetune_settings.ts';
import type { Example } from './supervised.ts';
import type { Transformer } from './transformer.ts';

export const CLASSIFY_METHODS = ['icl', 'pattern', 'head'] as const;
export type ClassifyMethod = (typeof CLASSIFY_METHODS)[number];

/** A classification in a language model's words. */
export interface TextTask {
  readonly tokenizer: Tokenizer;
  readonly pattern: Pattern;
  readonly verbaliser: Verbaliser;
  /** Between the examples of a prompt. Default a line's end. */
  readonly separator?: string;
}

export interface LabelledInput {
  readonly input: string;
  /** One of the verbaliser's. */
  readonly label: string;
}

export interface InContextOptions {
  /** Inputs without content, such as "N/A", by which the scores are calibrated. Default none: they are not. */
  readonly contentFree?: readonly string[];
  /** Prompts per forward pass. Default 64. */
  readonly batch?: number;
}

export const labelsOf = ({ tokenizer, verbaliser, pattern }: TextTask): Labels =>
  encodeLabels(tokenizer, verbaliser, pattern.gap);

/**
 * The scores of the labels (columns) for each input (rows), after the last of the examples, as many as fit the context.
 * @throws as `encodeLabels` and `scoreLabels`
 */
export async function scoreInContext(
  device: Device,
  model: Transformer,
  task: TextTask,
  shots: readonly LabelledInput[],
  inputs: readonly string[],
  { contentFree = [], batch = 64 }: InContextOptions = {},
): Promise<Float64Array[]> {
  const { tokenizer, pattern, verbaliser, separator } = task;
  const labels = labelsOf(task);
  const asked = [...inputs, ...contentFree];
  const worded = shots.map((shot) => {
    const name = labels.names[indexOf(labels.names, shot)]!;
    return { input: shot.input, label: verbaliser[name]! };
  });
  const kept = fitting(task, worded, asked, model.config.context + 1 - longestOf(labels.ids));
  const prompts = asked.map((input) =>
    tokenizer.encode(fewShotPrompt(pattern, kept, input, separator)),
  );
  const scores = await scoreLabels(device, model, prompts, labels, { batch });
  const [own, free] = [scores.slice(0, inputs.length), scores.slice(inputs.length)];
  return free.length === 0 ? own : own.map((each) => calibrateScores(each, free));
}

/** The most likely label of each input. @throws as `scoreInContext` */
export async function classify(
  device: Device,
  model: Transformer,
  task: TextTask,
  shots: readonly LabelledInput[],
  inputs: readonly string[],
  options: InContextOptions = {},
): Promise<string[]> {
  const names = Object.keys(task.verbaliser);
  const scores = await scoreInContext(device, model, task, shots, inputs, options);
  return scores.map((each) => names[bestLabel(each)]!);
}

function indexOf(names: readonly string[], { input, label }: LabelledInput): number {
  const index = names.indexOf(label);
  if (index >= 0) return index;
  throw new DataError(
    `${JSON.stringify(input)} has the label ${JSON.stringify(label)}; expected one of ${names.join(', ')}`,
  );
}

/** The last shots that the longest prompt has room for. */
function fitting(
  { tokenizer, pattern, separator = '\n' }: TextTask,
  shots: readonly Shot[],
  inputs: readonly string[],
  context: number,
): readonly Shot[] {
  let room = context - longestOf(inputs.map((input) => tokenizer.encode(pattern.prompt(input))));
  let from = shots.length;
  for (; from > 0; from--) {
    const { input, label } = shots[from - 1]!;
    room -= tokenizer.encode(pattern.filled(input, label) + separator).length;
    if (room < 0) break;
  }
  return shots.slice(from);
}

const longestOf = (all: readonly ArrayLike<number>[]): number =>
  all.reduce((most, { length }) => Math.max(most, length), 0);

/** What both ways of training share. */
export type TuneSettings = Pick<FinetuneSettings, 'seed' | 'learningRate' | 'epochs' | 'batch'>;

const settingsOf = (settings: TuneSettings): Partial<FinetuneSettings> => ({
  ...settings,
  method: 'full',
});

/** Trains the model in place to write each example's label where the pattern has it; `classify` without examples asks it. */
export async function tunePattern(
  device: Device,
  model: Transformer,
  task: TextTask,
  examples: readonly LabelledInput[],
  settings: TuneSettings,
  signal?: AbortSignal,
): Promise<void> {
  const { tokenizer, pattern } = task;
  const { names, ids } = labelsOf(task);
  const train = examples.map((example, i): Example => {
    const prompt = tokenizer.encode(pattern.prompt(example.input));
    return exampleOf(i, prompt, ids[indexOf(names, example)]!);
  });
  const data = { train, heldOut: [] };
  await finetune(device, model, data, {
    settings: settingsOf(settings),
    ...(signal && { signal }),
  });
}

/**
 * Trains the model in place with a new linear head on its last hidden state, one output for each label.
 * @returns the head
 */
export async function tuneHead(
  device: Device,
  model: Transformer,
  task: TextTask,
  examples: readonly LabelledInput[],
  settings: TuneSettings,
  signal?: AbortSignal,
): Promise<Linear> {
  const names = Object.keys(task.verbaliser);
  const { tokenizer, pattern } = task;
  // The class stands where the label's token would.
  const train = examples.map((example, i): Example => {
    const prompt = tokenizer.encode(pattern.prompt(example.input));
    return exampleOf(i, prompt, [indexOf(names, example)]);
  });
  const head = new Linear(new Initialiser(device, settings.seed), model.config.width, names.length);
  const options = { settings: settingsOf(settings), head, ...(signal && { signal }) };
  await finetune(device, model, { train, heldOut: [] }, options);
  return head;
}

function exampleOf(index: number, prompt: Int32Array, counted: ArrayLike<number>): Example {
  const ids = Int32Array.of(...prompt, ...Array.from(counted));
  return { place: `example ${index}`, ids, counted: Array.from(ids, (_, i) => i >= prompt.length) };
}

/** The label that the head finds most likely for each input. */
export async function classifyByHead(
  device: Device,
  model: Transformer,
  head: Linear,
  { tokenizer, pattern, verbaliser }: TextTask,
  inputs: readonly string[],
): Promise<string[]> {
  const names = Object.keys(verbaliser);
  const prompts = inputs.map((input) => tokenizer.encode(pattern.prompt(input)));
  const { ids, length } = promptRows(prompts);
  const last = Int32Array.from(prompts, (prompt, i) => i * length + prompt.length - 1);
  const logits = device.scope(() =>
    noGrad(() => {
      const hidden = model.hidden(device.tensor(ids, { shape: [prompts.length, length] }));
      const flat = reshape(hidden, [prompts.length * length, model.config.width]);
      return head.forward(embedding(flat, device.tensor(last)));
    }),
  );
  const values = await logits.data();
  logits.dispose();
  const K = names.length;
  return inputs.map((_, i) => names[bestLabel(values.subarray(i * K, (i + 1) * K))]!);
}
