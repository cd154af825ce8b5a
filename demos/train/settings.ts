// The form's fields as settings of `trainLanguageModel`. What the form does not offer is the preset's.

import { PRESETS, TRAIN_DEFAULTS, type TrainSettings } from '../../src/llm/index.ts';
import { readForm } from '../shared/form.ts';

/** Samples and evaluations of a run, spread evenly. */
const EVALUATIONS = 10;
/** Enough to judge; training waits for them. */
const SAMPLE_CHARACTERS = 120;

/** What `shadegrad train` would use on this kind of adapter. */
export function presetFor(software: boolean): TrainSettings {
  return { ...TRAIN_DEFAULTS, ...PRESETS[software ? 'stories-cpu' : 'stories-gpu'] };
}

/** The preset with the form's values, and samples often enough to watch it learn. */
export function settingsFrom(form: HTMLFormElement, preset: TrainSettings): TrainSettings {
  const { width, ...values } = readForm(form) as Record<
    'seed' | 'layers' | 'steps' | 'learningRate' | 'width',
    number
  >;
  const { steps, learningRate } = values;
  return {
    ...preset,
    ...values,
    width: Number(width),
    minLearningRate: learningRate / 10,
    evaluateEvery: Math.max(1, Math.ceil(steps / EVALUATIONS)),
    sampleCharacters: SAMPLE_CHARACTERS,
  };
}
