// What is measured, and how the policy is made that it is measured at.

import { ESTIMATORS_DEFAULTS } from '../../src/rl/estimators_experiment.ts';
import type { ProbeSettings } from '../../src/rl/variance_probe.ts';

/** Of a round: its variances are those over so many batches. */
export const BATCHES = 16;

/** A CPU would fit the experiment's critic for a minute. */
const QUICK_CRITIC = { fittingEpisodes: 32, fittingSteps: 60 };

export function probeSettings({
  environment,
  episodes,
  software,
}: {
  environment: string;
  episodes: number;
  software: boolean;
}): ProbeSettings {
  const made = { ...ESTIMATORS_DEFAULTS, environment, episodes };
  return software ? { ...made, ...QUICK_CRITIC } : made;
}
