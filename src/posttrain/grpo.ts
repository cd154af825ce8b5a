// Learning from answers that are compared with others to the same prompt, without a value function: GRPO (Shao et al. 2024),
// RLOO (Ahmadian et al. 2024), REINFORCE with the group's mean. They differ in these settings:
//
//   grpo        Â = (R - mean) / (std + 1e-4), k3 in the loss, a mean over each answer's tokens and then over answers
//   dr_grpo     Â = R - mean, no KL, a sum over tokens divided by a constant                            (Liu et al. 2025)
//   dapo        as grpo, no KL, clipped at 1 - 0.2 and 1 + 0.28, a mean over all tokens                    (Yu et al. 2025)
//   gspo        as grpo, no KL, one ratio for an answer's tokens, clipped much closer                    (Zheng et al. 2025)
//   rloo        Â = R - mean of the others, k1 in the rewards, a sum over tokens divided by a constant
//   reinforce   Â = R - mean, else as rloo
// Differs from the papers in that β = 0 leaves out groups of equal rewards, as DAPO does, and in what depends on a model's
// size: learning rate, answers, β.

import { ConfigError } from '../errors.ts';
import { type Checks, checkSettings, oneOf, positive } from '../io/config.ts';
import type { Device } from '../ops/device.ts';
import { OnPolicy } from '../rl/on_policy.ts';
import { groupAdvantages } from './advantages.ts';
import { GROUP_LOSSES, type GroupLoss, groupLoss, groupLossWeight } from './group_losses.ts';
import type { Task } from './rewards.ts';
import {
  DRAWING_CHECKS,
  type DrawingSettings,
  drawingOptions,
  type TextLearner,
  type TextProblem,
} from './rlhf.ts';
import { TextCollector, type TextRollout } from './text_collector.ts';
import { TextPolicy } from './text_policy.ts';

export interface GrpoSettings extends DrawingSettings {
  /** G: answers to a prompt; `answers` is a multiple. */
  readonly groupSize: number;
  /** What an answer's reward is compared with. */
  readonly baseline: 'mean' | 'leaveOneOut';
  /** What the difference is divided by: nothing, or the standard deviation of the group or of all answers, + 1e-4. */
  readonly scale: 'none' | 'group' | 'batch';
  /** Where β acts. */
  readonly klIn: 'reward' | 'loss';
  readonly loss: GroupLoss;
  /** ε_low: a ratio is clipped at 1 - ε_low and 1 + ε_high. */
  readonly clipLow: number;
  readonly clipHigh: number;
  /** Whether answers without an end are left out of the loss; they stay in their group's mean. */
  readonly maskTruncated: boolean;
}

export const GRPO_DEFAULTS: GrpoSettings = {
  seed: 0,
  answers: 64,
  maxNewTokens: 48,
  temperature: 1,
  beta: 0.04,
  klEstimator: 'k3',
  targetAnswerKl: null,
  klHorizon: 10_000,
  missingEnd: null,
  epochs: 1,
  minibatches: 1,
  accumulate: 1,
  learningRate: 1e-3,
  schedule: 'constant',
  maxGradNorm: 1,
  groupSize: 8,
  baseline: 'mean',
  scale: 'group',
  klIn: 'loss',
  loss: 'grpo',
  clipLow: 0.2,
  clipHigh: 0.2,
  maskTruncated: false,
};

const REINFORCE = { scale: 'none', klIn: 'reward', klEstimator: 'k1', loss: 'dr_grpo' } as const;

/** Each as published, over the defaults. */
export const GRPO_METHODS = {
  grpo: {},
  dr_grpo: { scale: 'none', beta: 0, loss: 'dr_grpo' },
  dapo: { beta: 0, loss: 'dapo', clipHigh: 0.28 },
  gspo: { beta: 0, loss: 'gspo', clipLow: 3e-4, clipHigh: 4e-4 },
  rloo: { ...REINFORCE, baseline: 'leaveOneOut' },
  reinforce: REINFORCE,
} as const satisfies Record<string, Partial<GrpoSettings>>;

export type GrpoMethod = keyof typeof GRPO_METHODS;

export const GRPO_CHECKS: Checks<GrpoSettings> = {
  ...DRAWING_CHECKS,
  groupSize: {
    expected: 'a whole number of at least 2: one answer has none to be compared with',
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 2,
  },
  baseline: oneOf('mean', 'leaveOneOut'),
  scale: oneOf('none', 'group', 'batch'),
  klIn: oneOf('reward', 'loss'),
  loss: oneOf(...GROUP_LOSSES),
  clipLow: positive,
  clipHigh: positive,
};

/**
 * @throws ConfigError for settings out of range, where answers and groups, minibatches or parts do not divide, where the rows
 *   do not fit the model's context, or for k1 in the loss.
 */
export function grpo<T extends Task>(
  device: Device,
  problem: TextProblem<T>,
  settings: GrpoSettings,
): TextLearner<T> {
  checkSettings(settings, GRPO_CHECKS);
  const { beta, klIn, klEstimator, groupSize, loss, maskTruncated } = settings;
  if (beta > 0 && klIn === 'loss' && klEstimator === 'k1')
    throw new ConfigError(
      'klEstimator k1 in the loss has a gradient of mean 0 and holds nothing; take k2 or k3 there, or klIn "reward"',
    );
  const policy = new TextPolicy(device, problem.policy, { ...settings, values: false });
  const collector = new TextCollector(device, policy, {
    ...drawingOptions(problem, settings),
    ...{ klIn, groupSize, maskTruncated },
    whitenRewards: false,
    whitenAdvantages: false,
    estimate: groupAdvantages(settings),
  });
  const penalty =
    beta > 0 && klIn === 'loss' ? { estimator: klEstimator, beta: collector.beta } : null;
  const lossOf = (rows: TextRollout) =>
    groupLoss(policy.judge(rows.ids, rows.targets), rows, penalty, settings);
  const updates = { ...settings, normaliseAdvantages: false, targetKl: null };
  const weight = groupLossWeight(loss);
  return { learner: new OnPolicy(device, policy, collector, updates, lossOf, weight), collector };
}
