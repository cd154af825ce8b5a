// RLHF: PPO on a language model, with a reward at the end of each answer and KL from the reference at each token
// (Ziegler et al. 2019; Ouyang et al. 2022). Collecting, GAE, minibatches and the clipped loss are those of environments.

import { ConfigError } from '../errors.ts';
import {
  between,
  type Checks,
  nonNegative,
  nonNegativeInteger,
  nullOr,
  oneOf,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { Device } from '../ops/device.ts';
import { type PpoLoss, ppoLossFromLogProbs } from '../ops/ppo.ts';
import { reshape } from '../ops/view.ts';
import { OnPolicy } from '../rl/on_policy.ts';
import { tokenGae } from './advantages.ts';
import type { AnswerDrawer, TextCodec } from './answers.ts';
import { KL_ESTIMATORS, type KlEstimator } from './kl.ts';
import type { Reward, Task } from './rewards.ts';
import type { Speaker } from './speaker.ts';
import { TextCollector, type TextRollout } from './text_collector.ts';
import { TextPolicy } from './text_policy.ts';

/** What every method is told that learns from answers it draws. */
export interface DrawingSettings {
  readonly seed: number;
  /** Answers of a rollout, N. */
  readonly answers: number;
  /** Most tokens of an answer. */
  readonly maxNewTokens: number;
  /** Divisor of the logits, in drawing as in judging. */
  readonly temperature: number;
  /** How dear it is to move away from the reference; 0: not at all. */
  readonly beta: number;
  readonly klEstimator: KlEstimator;
  /** The KL of an answer, in nats, that the coefficient is led to; null: it stays. */
  readonly targetAnswerKl: number | null;
  /** Of that: see `AdaptiveKlOptions`. */
  readonly klHorizon: number;
  /** The score of an answer without an end, in the place of its own; null: its own. */
  readonly missingEnd: number | null;
  readonly epochs: number;
  readonly minibatches: number;
  /** Parts that a minibatch is computed in. */
  readonly accumulate: number;
  readonly learningRate: number;
  /** Whether it falls to 0 over the run, or stays. */
  readonly schedule: 'linear' | 'constant';
  readonly maxGradNorm: number;
}

export const DRAWING_CHECKS: Checks<DrawingSettings> = {
  seed: nonNegativeInteger,
  answers: positiveInteger,
  maxNewTokens: positiveInteger,
  temperature: positive,
  beta: nonNegative,
  klEstimator: oneOf(...KL_ESTIMATORS),
  targetAnswerKl: nullOr(positive),
  klHorizon: positive,
  missingEnd: nullOr({ expected: 'a number', accepts: Number.isFinite }) as never,
  epochs: positiveInteger,
  minibatches: positiveInteger,
  accumulate: positiveInteger,
  learningRate: positive,
  schedule: oneOf('linear', 'constant'),
  maxGradNorm: positive,
};

export interface RlhfSettings extends DrawingSettings {
  readonly gamma: number;
  readonly lambda: number;
  readonly clip: number;
  readonly valueClip: number | null;
  readonly valueCoef: number;
  readonly entropyCoef: number;
  readonly whitenRewards: boolean;
  readonly whitenAdvantages: boolean;
  /** Adam's ε as in TensorFlow: see `AdamWOptions`. */
  readonly plainEps: boolean;
  /** Ends a rollout's epochs once the KL from the policy that drew it is over 1.5 times it; null: never. */
  readonly targetKl: number | null;
}

/**
 * As lm-human-preferences, but for what depends on the size of a model (batch, learning rate and its fall, temperature, β), and
 * but for whitened rewards: with one reward in forty tokens those grow as answers become alike, and with them the KL's cost.
 */
export const RLHF_DEFAULTS: RlhfSettings = {
  seed: 0,
  answers: 64,
  maxNewTokens: 48,
  temperature: 1,
  beta: 0.05,
  klEstimator: 'k1',
  targetAnswerKl: null,
  klHorizon: 10_000,
  missingEnd: null,
  epochs: 4,
  minibatches: 1,
  accumulate: 1,
  learningRate: 1e-3,
  schedule: 'linear',
  maxGradNorm: 1,
  gamma: 1,
  lambda: 0.95,
  clip: 0.2,
  valueClip: null,
  valueCoef: 0.1,
  entropyCoef: 0,
  whitenRewards: false,
  whitenAdvantages: true,
  plainEps: false,
  targetKl: null,
};

/** As others run it, on models of 0.1 to 1 billion parameters. */
export const RLHF_PRESETS = {
  small: {},
  /** lm-human-preferences (Ziegler et al. 2019; Huang et al. 2024): β follows a target of 6 nats. */
  openai: {
    answers: 512,
    maxNewTokens: 24,
    temperature: 0.7,
    beta: 0.15,
    targetAnswerKl: 6,
    missingEnd: -1,
    whitenRewards: true,
    plainEps: true,
    valueClip: 0.2,
    learningRate: 1e-5,
  },
  /** TRL's PPO trainer. */
  trl: {
    maxNewTokens: 53,
    temperature: 0.7,
    beta: 0.05,
    learningRate: 3e-6,
    valueClip: 0.2,
  },
} as const satisfies Record<string, Partial<RlhfSettings>>;

export const RLHF_CHECKS: Checks<RlhfSettings> = {
  ...DRAWING_CHECKS,
  gamma: between(0, 1),
  lambda: between(0, 1),
  clip: positive,
  valueClip: nullOr(positive),
  valueCoef: nonNegative,
  entropyCoef: nonNegative,
  targetKl: nullOr(positive),
};

/** What is learned from: the same for all methods. */
export interface TextProblem<T extends Task> {
  readonly codec: TextCodec;
  /** Default `drawAnswers`. */
  readonly draw?: AnswerDrawer;
  /** The tasks of a rollout, as many as answers; a function of its number. */
  readonly tasks: (rollout: number) => readonly T[];
  readonly rewards: readonly Reward<T>[];
  /** The adapter, or the model, that learns. */
  readonly policy: Speaker;
  /** What KL is measured from: another adapter or none of the same base, or another model; null: nothing. */
  readonly reference: Speaker | null;
  /** Most tokens of a prompt. */
  readonly promptTokens: number;
  /** Tokens that end an answer. */
  readonly ends: readonly number[];
  readonly onWarning?: (line: string) => void;
}

export interface TextLearner<T extends Task> {
  readonly learner: OnPolicy<TextPolicy, TextRollout>;
  readonly collector: TextCollector<T>;
}

/** @throws ConfigError where answers, minibatches and parts do not divide, or the rows do not fit the model's context. */
export function rlhf<T extends Task>(
  device: Device,
  problem: TextProblem<T>,
  settings: RlhfSettings,
): TextLearner<T> {
  const { gamma, lambda, whitenRewards, whitenAdvantages } = settings;
  const policy = new TextPolicy(device, problem.policy, { ...settings, values: true });
  const collector = new TextCollector(device, policy, {
    ...drawingOptions(problem, settings),
    klIn: 'reward',
    whitenRewards,
    whitenAdvantages,
    estimate: tokenGae({ gamma, lambda }),
  });
  const updates = { ...settings, normaliseAdvantages: false };
  const loss = (rows: TextRollout) => ({ ...rlhfLoss(policy, rows, settings) });
  return { learner: new OnPolicy(device, policy, collector, updates, loss), collector };
}

/** PPO's loss over the tokens that count. */
export function rlhfLoss(
  policy: TextPolicy,
  { ids, targets, ...rows }: TextRollout,
  settings: Pick<RlhfSettings, 'clip' | 'valueClip' | 'valueCoef' | 'entropyCoef'>,
): PpoLoss {
  const { logProbs, entropy, values } = policy.judge(ids, targets);
  const flat = (x: typeof logProbs) => reshape(x, [-1]);
  const samples = {
    oldLogProbs: flat(rows.logProbs),
    advantages: flat(rows.advantages),
    returns: flat(rows.returns),
    oldValues: flat(rows.values),
    mask: flat(rows.mask),
  };
  const { clip, valueClip, valueCoef, entropyCoef } = settings;
  const options = { clip, valueClip, valueCoef, entropyCoef };
  return ppoLossFromLogProbs(flat(logProbs), flat(entropy), flat(values!), samples, options);
}

/** The part of a collector's options that all methods share. @throws ConfigError for rows longer than the context. */
export function drawingOptions<T extends Task>(
  { codec, draw, tasks, rewards, reference, promptTokens, ends, policy, onWarning }: TextProblem<T>,
  settings: DrawingSettings,
) {
  const { answers, maxNewTokens, beta, klEstimator, targetAnswerKl, klHorizon } = settings;
  const { context } = policy.model.config;
  if (promptTokens + maxNewTokens - 1 > context) {
    throw new ConfigError(
      `maxNewTokens is ${maxNewTokens}; with prompts of up to ${promptTokens} tokens that exceeds the model's context of ${context} (at most ${context + 1 - promptTokens} fit)`,
    );
  }
  const adaptiveKl =
    targetAnswerKl === null ? null : { target: targetAnswerKl, horizon: klHorizon };
  const { missingEnd, seed } = settings;
  return {
    ...{ codec, tasks, rewards, reference, promptTokens, ends, answers, maxNewTokens, beta, seed },
    ...{ klEstimator, adaptiveKl, missingEnd, ...(draw && { draw }) },
    ...(onWarning && { onWarning }),
  };
}
