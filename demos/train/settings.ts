// The form's fields as settings of `trainLanguageModel`. What the form does not offer is the preset's.

import { PRESETS, TRAIN_DEFAULTS, type TrainSettings } from '../../src/llm/index.ts';

type Field = 'seed' | 'width' | 'layers' | 'steps' | 'learningRate';
const FIELDS: readonly Field[] = ['seed', 'width', 'layers', 'steps', 'learningRate'];

/** Samples and evaluations of a run, spread evenly. */
const EVALUATIONS = 10;
/** Enough to judge; training waits for them. */
const SAMPLE_CHARACTERS = 120;

/** What `shadegrad train` would use on this kind of adapter. */
export function presetFor(software: boolean): TrainSettings {
  return { ...TRAIN_DEFAULTS, ...PRESETS[software ? 'stories-cpu' : 'stories-gpu'] };
}

export function fillForm(form: HTMLFormElement, preset: TrainSettings): void {
  for (const field of FIELDS) input(form, field).value = String(preset[field]);
}

/** The preset with the form's values, and samples often enough to watch it learn. */
export function readForm(form: HTMLFormElement, preset: TrainSettings): TrainSettings {
  const values = Object.fromEntries(
    FIELDS.map((field) => [field, Number(input(form, field).value)]),
  );
  const { steps, learningRate } = values as Record<Field, number>;
  return {
    ...preset,
    ...values,
    minLearningRate: learningRate / 10,
    evaluateEvery: Math.max(1, Math.ceil(steps / EVALUATIONS)),
    sampleCharacters: SAMPLE_CHARACTERS,
  };
}

function input(form: HTMLFormElement, field: Field): HTMLInputElement | HTMLSelectElement {
  return form.elements.namedItem(field) as HTMLInputElement | HTMLSelectElement;
}
