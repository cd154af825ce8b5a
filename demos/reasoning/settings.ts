// The form's fields as settings; their defaults by the kind of adapter.

import { readForm } from '../shared/form.ts';
import type { Settings } from './protocol.ts';

const SMALL = {
  seed: 1,
  slips: 0.25,
  warmSteps: 300,
  rollouts: 30,
  prompts: 16,
  groupSize: 8,
  learningRate: 1e-3,
  budget: 12,
};
/** As `shadegrad reasoning`. */
const LARGE = { ...SMALL, slips: 0.3, warmSteps: 1200, rollouts: 40, learningRate: 5e-4 };

export const defaultsFor = (software: boolean) => (software ? SMALL : LARGE);

export const settingsFrom = (form: HTMLFormElement, small: boolean): Settings => ({
  ...(readForm(form) as unknown as Omit<Settings, 'small'>),
  small,
});
