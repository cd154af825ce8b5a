// The public API of post-training.

export {
  compared,
  type GroupOptions,
  groupAdvantages,
  type TokenAdvantages,
  type TokenEstimator,
  type TokenExperience,
  tokenGae,
  whitened,
} from './advantages.ts';
export { type DrawnAnswer, type DrawOptions, drawAnswers, type TextCodec } from './answers.ts';
export { type AdaptiveKlOptions, adaptedBeta, type KlEstimator, klEstimate } from './kl.ts';
export {
  type Answer,
  type Reward,
  rewardOf,
  type Scores,
  scoreAnswers,
  type Task,
} from './rewards.ts';
export {
  type DrawingSettings,
  RLHF_CHECKS,
  RLHF_DEFAULTS,
  type RlhfSettings,
  rlhf,
  rlhfLoss,
  type TextLearner,
  type TextProblem,
} from './rlhf.ts';
export { type Reading, readTokens, type Speaker } from './speaker.ts';
export {
  TextCollector,
  type TextCollectorOptions,
  type TextMetrics,
  type TextRollout,
} from './text_collector.ts';
export { TextPolicy, type TextPolicyOptions, type TokenJudgement } from './text_policy.ts';
