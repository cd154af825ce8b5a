// What the page and its worker say to each other besides what every page's do.

import type { EstimatorSummary } from '../../src/rl/estimators_report.ts';

export type Command = {
  type: 'start';
  environment: string;
  /** Of a batch. */
  episodes: number;
  /** Of batches: the probe measures once in each. */
  rounds: number;
  seed: number;
};

export type Report =
  /** `return`: what the policy earns on average. */
  { type: 'round'; round: number; episodes: number; return: number; summary: EstimatorSummary[] };
