// The form's fields as settings; their defaults by the kind of adapter.

import { between, oneOf, wholeBetween } from '../../src/io/config.ts';
import { readForm } from '../shared/form.ts';
import type { AllChecks } from '../shared/saved_settings.ts';
import type { Settings } from './protocol.ts';

/** As the form's fields. */
export const CHECKS: AllChecks<Settings> = {
  seed: wholeBetween(0, 65535),
  small: oneOf(true, false),
  slips: between(0, 1),
  warmSteps: wholeBetween(5, 20000),
  rollouts: wholeBetween(1, 2000),
  prompts: wholeBetween(1, 256),
  groupSize: wholeBetween(2, 64),
  learningRate: between(0.000001, 0.1),
  budget: wholeBetween(0, 18),
};

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
