// Settings of language-model training: defaults, presets, and what each value may be.

import {
  between,
  type Check,
  type Checks,
  nonNegative,
  nonNegativeInteger,
  nullOr,
  oneOf,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { TransformerConfig } from './transformer_config.ts';

/** Defaults are nanoGPT's for small runs unless said otherwise. */
export const TRAIN_DEFAULTS = {
  seed: 1337,

  // The model
  layers: 2,
  heads: 4,
  /** Fewer heads of keys and values than `heads` share them; null: as many. */
  keyValueHeads: null as number | null,
  width: 64,
  /** Width of the MLP's middle; null: 4 * width. */
  hidden: null as number | null,
  context: 64,
  positions: 'rope' as TransformerConfig['positions'],
  norm: 'rmsNorm' as 'rmsNorm' | 'layerNorm',
  activation: 'gelu' as TransformerConfig['activation'],
  bias: false,
  tiedEmbeddings: true,
  /** How much wider than GPT-2's 0.02 the initial weights are drawn; small models learn sooner with 4. */
  initialScale: 1,
  dropout: 0,
  /** Gradient checkpointing: layers are computed again in the backward pass, which saves memory and costs time. */
  checkpointing: false,

  // What it learns, and from which text
  /**
   * 'nextToken' makes a decoder, 'masked' an encoder (Devlin et al. 2019), the others an encoder-decoder that puts a
   * disturbed text right: the rows of T5's table 3 (text/denoise.ts).
   */
  objective: 'nextToken' as Objective,
  /** Tokens of a byte-level BPE trained on the text, `<|endoftext|>` included. Null: every character is a token. */
  vocabularySize: null as number | null,
  /** One token that stands between documents: those of a window then do not see each other. Null: they do. */
  documentSeparator: null as string | null,
  /** Phases, one after another: the length of each, relative to the others, then the weight of each text; by size if left out. */
  phases: [[1]],
  /** False: no phases, but all texts throughout, each with the share that the phases give it. */
  phased: true,

  // The optimisation
  steps: 400,
  /** Sequences per step. */
  batch: 12,
  /** Parts of the batch that are computed one after another and their gradients added: less memory. Divides `batch`. */
  accumulate: 1,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  /** Steps of linear warm-up, at most half of those over which the cosine falls: short runs learn too. */
  warmupSteps: 100,
  /** Steps over which the cosine falls; null: all. */
  decaySteps: null as number | null,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.1,
  /** Largest global norm of the gradient; 0: no clipping. */
  gradClip: 1,

  // What is measured, and when
  /** The last part of the text, held out. */
  validation: 0.1,
  evaluateEvery: 100,
  /** Held-out tokens per evaluation, spread over the part; 0: all of them. */
  evaluationTokens: 8192,
  checkpointEvery: 100,
  /** Most seconds from one checkpoint to the next, where steps are slow; null: the steps alone say when. */
  checkpointSeconds: null as number | null,
  /** Most steps between read-backs of the losses; slow steps are read back sooner. */
  logEvery: 10,
  /** Characters of each sample, about so many where tokens are longer, and how many samples. */
  sampleCharacters: 200,
  samples: 3,
  temperature: 0.8,

  // The built-in corpus, used when no text is given
  corpusSeed: 1,
  corpusCharacters: 400_000,
};

export type TrainSettings = typeof TRAIN_DEFAULTS;

const OBJECTIVES = [
  'nextToken',
  'masked',
  'prefixLM',
  'bert',
  'deshuffle',
  'mass',
  'replaceSpans',
  'dropTokens',
  'randomSpans',
] as const;
type Objective = (typeof OBJECTIVES)[number];

const bpeVocabulary: Check = {
  expected: 'a whole number of at least 257 (256 bytes and <|endoftext|>)',
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 257,
};

const text: Check = { expected: 'text', accepts: (value) => typeof value === 'string' };

const phaseList: Check = {
  expected: 'phases, each a length above 0 and then the weights of the texts, not all of them 0',
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isPhase),
};

function isPhase([length, ...weights]: readonly number[]): boolean {
  const some = weights.length === 0 || weights.some((weight) => weight > 0);
  return length !== undefined && length > 0 && some && weights.every((weight) => weight >= 0);
}

export const TRAIN_CHECKS: Checks<TrainSettings> = {
  seed: nonNegativeInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  keyValueHeads: nullOr(positiveInteger),
  width: positiveInteger,
  hidden: nullOr(positiveInteger),
  context: positiveInteger,
  positions: oneOf('rope', 'ropeInterleaved', 'learned', 'sinusoidal', 'none'),
  norm: oneOf('rmsNorm', 'layerNorm'),
  activation: oneOf('gelu', 'geluTanh', 'swiglu', 'relu2'),
  dropout: between(0, 0.9),
  objective: oneOf(...OBJECTIVES),
  initialScale: positive,
  vocabularySize: nullOr(bpeVocabulary),
  documentSeparator: nullOr(text),
  phases: phaseList,
  steps: positiveInteger,
  batch: positiveInteger,
  accumulate: positiveInteger,
  learningRate: positive,
  minLearningRate: nonNegative,
  warmupSteps: nonNegativeInteger,
  decaySteps: nullOr(positiveInteger),
  beta1: between(0, 1),
  beta2: between(0, 1),
  eps: positive,
  weightDecay: nonNegative,
  gradClip: nonNegative,
  validation: between(0.001, 0.9),
  evaluateEvery: positiveInteger,
  evaluationTokens: nonNegativeInteger,
  checkpointEvery: positiveInteger,
  checkpointSeconds: nullOr(positive),
  logEvery: positiveInteger,
  sampleCharacters: nonNegativeInteger,
  samples: nonNegativeInteger,
  temperature: nonNegative,
  corpusSeed: nonNegativeInteger,
  corpusCharacters: positiveInteger,
};

/**
 * GPT-2's architecture as nanoGPT trains it on characters (layer norm and GELU without biases), but for its learned
 * positions: with those our run of the small one was at 1.956 after 1,500 steps, too far from the published 1.88.
 */
const NANO_GPT = {
  positions: 'rope',
  norm: 'layerNorm',
  activation: 'gelu',
  evaluateEvery: 250,
  checkpointEvery: 250,
  evaluationTokens: 0,
} as const;

export const PRESETS = {
  /** The built-in corpus on an adapter that runs on the CPU: under three minutes on two cores. */
  'stories-cpu': {
    batch: 8,
    steps: 220,
    learningRate: 3e-3,
    minLearningRate: 3e-4,
    warmupSteps: 40,
    evaluateEvery: 55,
    checkpointEvery: 55,
    evaluationTokens: 4096,
    sampleCharacters: 160,
  },
  /** The built-in corpus on a GPU. */
  'stories-gpu': {
    layers: 4,
    width: 128,
    context: 128,
    batch: 32,
    steps: 2000,
    corpusCharacters: 2_000_000,
    evaluateEvery: 250,
    checkpointEvery: 250,
  },
  /** nanoGPT's configuration for a laptop's CPU: validation loss 1.88. */
  'shakespeare-char-cpu': {
    ...NANO_GPT,
    layers: 4,
    heads: 4,
    width: 128,
    context: 64,
    batch: 12,
    steps: 2000,
  },
  /**
   * The same with BPE, of the same size: 795,776 parameters, where the one on characters has 795,904. What the larger
   * vocabulary takes, the MLPs give. Batch and context are the same number of tokens, so that a step costs the same; it
   * reads more text. (After 250 steps of a run of 250, 512 tokens were at 2.913 bits per byte and 1,024 at 2.860.)
   */
  'shakespeare-bpe-cpu': {
    ...NANO_GPT,
    vocabularySize: 1024,
    layers: 4,
    heads: 4,
    width: 128,
    hidden: 392,
    context: 64,
    batch: 12,
    steps: 2000,
  },
  /** nanoGPT's train_shakespeare_char.py: validation loss 1.4697. */
  'shakespeare-char': {
    ...NANO_GPT,
    layers: 6,
    heads: 6,
    width: 384,
    context: 256,
    batch: 64,
    steps: 5000,
    dropout: 0.2,
  },
} satisfies Record<string, Partial<TrainSettings>>;

export type PresetName = keyof typeof PRESETS;

/** Ids after the tokenizer's: the mask, and where a text is put right the beginning and the sentinels of its spans. */
function extraIds({ objective, context }: TrainSettings): number {
  if (objective === 'nextToken') return 0;
  if (objective === 'masked') return 1;
  const spans = objective === 'replaceSpans' || objective === 'randomSpans';
  // Spans lie apart from each other; one sentinel more is the end.
  return spans ? 2 + Math.ceil(context / 2) + 1 : 2;
}

function architectureFor({ objective }: TrainSettings): TransformerConfig['architecture'] {
  if (objective === 'nextToken') return 'decoder';
  return objective === 'masked' ? 'encoder' : 'encoderDecoder';
}

/** The model that the settings describe, for a tokenizer with `vocabularySize` ids. */
export function modelConfig(settings: TrainSettings, vocabularySize: number): TransformerConfig {
  const {
    layers,
    heads,
    width,
    context,
    positions,
    norm,
    activation,
    bias,
    tiedEmbeddings,
    dropout,
    checkpointing,
  } = settings;
  return {
    architecture: architectureFor(settings),
    vocabularySize: vocabularySize + extraIds(settings),
    layers,
    heads,
    keyValueHeads: settings.keyValueHeads ?? heads,
    width,
    hidden: settings.hidden ?? 4 * width,
    context,
    positions,
    norm,
    activation,
    bias,
    tiedEmbeddings,
    dropout,
    checkpointing,
  };
}
