// The estimates of the policy gradient that the experiment compares.

import type { Baseline, Estimator } from './policy_gradient.ts';

export interface Choice {
  readonly label: string;
  readonly estimator: Estimator;
  readonly baseline: Baseline;
}

/** In the order that the lectures have them; policies are trained with each. */
export const CHOICES: readonly Choice[] = [
  { label: 'whole return', estimator: 'full', baseline: 'none' },
  { label: 'reward-to-go', estimator: 'reward-to-go', baseline: 'none' },
  { label: 'minus the mean of others', estimator: 'reward-to-go', baseline: 'rloo' },
  { label: 'minus a learned value', estimator: 'reward-to-go', baseline: 'value' },
];

/**
 * Their variance is measured too. The mean at a time step holds the episode itself, and late steps few others: a part of its
 * small variance is a gradient that is too small.
 */
export const ALSO_MEASURED: readonly Choice[] = [
  { label: 'whole return minus the mean of others', estimator: 'full', baseline: 'rloo' },
  { label: 'minus the mean at the step', estimator: 'reward-to-go', baseline: 'timestep' },
];
