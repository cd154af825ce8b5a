// The form's fields as settings of `trainLanguageModel`. What the form does not offer is the preset's.

import { PRESETS, TRAIN_DEFAULTS, type TrainSettings } from '../../src/llm/index.ts';
import { readForm } from '../shared/form.ts';

/** Samples and evaluations of a run, spread evenly. */
const EVALUATIONS = 10;
/** Enough to judge; training waits for them. */
const SAMPLE_CHARACTERS = 120;

/** A form's fields, from settings: of the preset, or of a run that goes on. */
export function fieldsOf(settings: TrainSettings): Record<string, unknown> {
  const { vocabularySize } = settings;
  return { ...settings, tokens: vocabularySize === null ? 'characters' : 'bpe' };
}

/** What `shadegrad train` would use on this kind of adapter. */
export function presetFor(software: boolean): TrainSettings {
  return { ...TRAIN_DEFAULTS, ...PRESETS[software ? 'stories-cpu' : 'stories-gpu'] };
}

/** The preset with the form's values, and samples often enough to watch it learn. */
export function settingsFrom(form: HTMLFormElement, preset: TrainSettings): TrainSettings {
  const { width, tokens, vocabularySize, ...values } = readForm(form) as Record<
    'seed' | 'layers' | 'steps' | 'learningRate' | 'width' | 'vocabularySize',
    number
  > & { tokens: string };
  const { steps, learningRate } = values;
  return {
    ...preset,
    ...values,
    width: Number(width),
    vocabularySize: tokens === 'bpe' ? vocabularySize : null,
    minLearningRate: learningRate / 10,
    evaluateEvery: Math.max(1, Math.ceil(steps / EVALUATIONS)),
    sampleCharacters: SAMPLE_CHARACTERS,
  };
}
