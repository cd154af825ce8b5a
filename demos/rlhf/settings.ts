// The form's fields as settings of the stages; their defaults by the kind of adapter.

import { readForm } from '../shared/form.ts';
import type { MoveSettings, StorySettings, Taste } from './protocol.ts';

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
