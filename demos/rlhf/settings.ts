// The form's fields as settings of the stages; their defaults by the kind of adapter.

import { between, oneOf, wholeBetween } from '../../src/io/config.ts';
import { readForm } from '../shared/form.ts';
import type { AllChecks } from '../shared/saved_settings.ts';
import type { Learned, MoveSettings, SavedMove, StorySettings, Taste } from './protocol.ts';

// As the form's fields.
export const STORY_CHECKS: AllChecks<StorySettings> = {
  seed: wholeBetween(0, 65535),
  baseSteps: wholeBetween(20, 5000),
  small: oneOf(true, false),
};
export const MOVE_CHECKS: AllChecks<MoveSettings> = {
  beta: between(0, 0.5),
  rollouts: wholeBetween(1, 500),
  answers: wholeBetween(4, 256),
};
const labels = wholeBetween(1, Number.MAX_SAFE_INTEGER);
export const SAVED_MOVE_CHECKS: AllChecks<SavedMove> = { ...MOVE_CHECKS, labels };
const share = between(0, 1);
export const LEARNED_CHECKS: AllChecks<Learned> = {
  labels,
  ...{ known: share, accuracy: share, ceiling: share },
};

const COMMON = { seed: 1, beta: 0, temperature: 0.5, flips: 0 };
/** The whole story in about two minutes on two cores. */
const SMALL = { ...COMMON, baseSteps: 150, labels: 100, rollouts: 20, answers: 24 };
const LARGE = { ...COMMON, baseSteps: 600, labels: 300, rollouts: 48, answers: 32 };

export const defaultsFor = (software: boolean) => (software ? SMALL : LARGE);

type Values = Record<keyof typeof SMALL, number>;

export interface FormSettings {
  readonly story: Omit<StorySettings, 'small'>;
  readonly taste: Taste;
  /** Of the simulated labeller, at a time. */
  readonly labels: number;
  readonly move: MoveSettings;
}

export function settingsFrom(form: HTMLFormElement): FormSettings {
  const { seed, baseSteps, temperature, flips, labels, beta, rollouts, answers } = readForm(
    form,
  ) as Values;
  return {
    story: { seed, baseSteps },
    taste: { temperature, flips },
    labels,
    move: { beta, rollouts, answers },
  };
}
