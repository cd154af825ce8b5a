// One model of a scaling experiment: trained from the start, and told its loss on all of the held-out text.

import { Initialiser } from '../nn/initialiser.ts';
import type { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import type { LinearCrossEntropyOptions } from '../ops/linear_cross_entropy.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { characterTokenizer } from '../text/characters.ts';
import { splitText } from '../text/corpus.ts';
import { batch as batchOf, evaluationWindows } from '../text/loader.ts';
import type { MarkovChain } from '../text/markov.ts';
import { markovText } from '../text/markov.ts';
import { evaluateRows } from './evaluate.ts';
import { Mixer } from './mixer.ts';
import type { Observation } from './scaling_law.ts';
import type { Architecture, ScalingSettings } from './scaling_settings.ts';
import { modelConfig, TRAIN_DEFAULTS } from './settings.ts';
import { reports, requireFinite, Steps } from './steps.ts';
import { Transformer } from './transformer.ts';

/** What is trained: a model of a width, for a number of steps. */
export interface CellSize {
  readonly width: number;
  readonly steps: number;
}

/** One trained model: its parameters, the tokens that it saw, and its loss on the held-out text. */
export interface Cell extends Observation, CellSize {}

export interface ScalingText {
  readonly vocabularySize: number;
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
}

/** The source's text, one token per character. */
export function scalingText(chain: MarkovChain, settings: ScalingSettings): ScalingText {
  const { seed, heldOutCharacters } = settings;
  const characters = settings.characters + heldOutCharacters;
  const text = markovText(chain, { seed, characters });
  const tokenizer = characterTokenizer(text);
  const parts = splitText(text, heldOutCharacters / characters);
  return {
    vocabularySize: tokenizer.vocabularySize,
    train: tokenizer.encode(parts.train),
    heldOut: tokenizer.encode(parts.validation),
  };
}

interface ScalingModel extends Module {
  readonly parameterCount: number;
  loss(ids: Tensor, targets: Tensor, options?: LinearCrossEntropyOptions): Tensor;
}

/** Of equal widths, models of equal size but for the mixers' matrices: what attention has, 4 width², their MLPs get. */
function scalingModel(
  init: Initialiser,
  architecture: Architecture,
  { width, ...sizes }: { readonly width: number; readonly vocabularySize: number },
  { layers, headSize, context }: ScalingSettings,
): ScalingModel {
  if (architecture === 'mixer') {
    return new Mixer(init, { ...sizes, layers, width, hidden: 6 * width, context });
  }
  const heads = Math.max(1, Math.floor(width / headSize));
  const settings = { ...TRAIN_DEFAULTS, layers, heads, width, context };
  return new Transformer(init, modelConfig(settings, sizes.vocabularySize));
}

/** What the training of a cell is given besides its size. */
export interface CellTraining {
  readonly settings: ScalingSettings;
  readonly text: ScalingText;
  readonly architecture: Architecture;
  /** Of the parameters and the batches. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

/**
 * The learning rate falls to a fiftieth at the end. @throws the signal's reason when it stops, DataError for a loss that is
 * not finite.
 */
export async function trainCell(
  device: Device,
  { width, steps: count }: CellSize,
  { settings, text, architecture, seed, signal }: CellTraining,
): Promise<Cell> {
  const { context, batch } = settings;
  const { vocabularySize, train, heldOut } = text;
  const model = scalingModel(
    new Initialiser(device, seed),
    architecture,
    { width, vocabularySize },
    settings,
  );
  const draw = (step: number) => {
    const { inputs: ids, targets } = batchOf(train, { batch, context, seed, step });
    return { ids, targets };
  };
  const learningRate = settings.learningRate / width;
  const steps = new Steps(device, {
    parameters: model.namedParameters(),
    settings: {
      ...TRAIN_DEFAULTS,
      seed,
      steps: count,
      batch,
      learningRate,
      minLearningRate: learningRate / 50,
      warmupSteps: Math.ceil(count / 10),
      weightDecay: 0, // it would move the minimum of the loss away from the source
    },
    like: draw(0),
    loss: ({ ids, targets }) => model.loss(ids, targets),
    history: LOG_EVERY,
  });
  try {
    const take = (step: number) => steps.step(step, draw(step), 1);
    const clock = () => performance.now();
    const range = { from: 0, to: count, every: LOG_EVERY, at: () => false, signal, clock };
    for await (const _ of reports(steps, take, range)); // losses that are not finite end it
    signal.throwIfAborted();
    const { starts, inputs: ids, targets } = evaluationWindows(heldOut, { context });
    const loss = await evaluateRows(
      device,
      (rows) => model.loss(rows.ids, rows.targets, { reduction: 'sum' }),
      { ids, targets },
      { batch, count: starts.length },
    );
    requireFinite(loss, 'held-out loss');
    const tokens = count * batch * context;
    return { width, steps: count, parameters: model.parameterCount, tokens, loss };
  } finally {
    steps.dispose();
    model.dispose();
  }
}

const LOG_EVERY = 100;
