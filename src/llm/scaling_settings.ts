// Settings of the scaling experiment: defaults, presets, and what each value may be.

import {
  type Check,
  type Checks,
  increasing,
  nonNegative,
  nonNegativeInteger,
  positive,
  positiveInteger,
} from '../io/config.ts';

export type Architecture = 'transformer' | 'mixer';

/** The small preset: a grid that two cores finish in about ten minutes. */
export const SCALING_DEFAULTS = {
  seed: 1,

  // The source: see src/text/markov.ts
  symbols: 192,
  near: 3,
  far: 0,
  decay: 0.6,
  zipf: 1,
  /** Characters to train on: twice what any model sees, so that few are seen twice. */
  characters: 2_097_152,
  heldOutCharacters: 65_536,

  // The grid: each width with each number of steps
  widths: [8, 12, 16, 24, 32],
  steps: [250, 500, 1000, 2000],
  /** A larger model, trained for the most steps, that the law has to predict. */
  heldOutWidth: 48,

  // The models and their training
  /** Each gets the grid, and a law of its own. */
  architectures: ['transformer'] as Architecture[],
  layers: 1,
  /** Width of an attention head; narrower models have one head. */
  headSize: 16,
  context: 32,
  batch: 16,
  /**
   * Divided by the width. Measured here: with it one term in D fits the losses of all widths (the README's table). With
   * 0.08/sqrt(width), on chains of 64 characters, small models lagged, and the more so the less they had seen. Why was not
   * measured.
   */
  learningRate: 0.4,

  // The fit
  replicates: 200,
};

export type ScalingSettings = typeof SCALING_DEFAULTS;

const architectureList: Check = {
  expected: "'transformer', 'mixer', or both, each once",
  accepts: (values) =>
    Array.isArray(values) &&
    values.length > 0 &&
    values.every((v, i) => ['transformer', 'mixer'].includes(v) && values.indexOf(v) === i),
};

export const SCALING_CHECKS: Checks<ScalingSettings> = {
  seed: nonNegativeInteger,
  symbols: positiveInteger,
  near: nonNegative,
  far: nonNegative,
  decay: nonNegative,
  zipf: nonNegative,
  characters: positiveInteger,
  heldOutCharacters: positiveInteger,
  widths: increasing() as never,
  steps: increasing() as never,
  heldOutWidth: positiveInteger,
  architectures: architectureList as never,
  layers: positiveInteger,
  headSize: positiveInteger,
  context: positiveInteger,
  batch: positiveInteger,
  learningRate: positive,
  replicates: positiveInteger,
};

export const SCALING_PRESETS = {
  small: {},
  /** For a GPU: a source with 16 times as many numbers in it, 34 million characters, models of up to 800 thousand parameters. */
  gpu: {
    symbols: 256,
    characters: 67_108_864,
    heldOutCharacters: 524_288,
    widths: [16, 32, 64, 128, 256],
    steps: [500, 1000, 2000, 4000, 8000],
    heldOutWidth: 512,
    headSize: 32,
    context: 64,
    batch: 64,
  },
} satisfies Record<'small' | 'gpu', Partial<ScalingSettings>>;
