// Post-training: what `shadegrad/posttrain` exports.

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
export {
  type AnswerDrawer,
  type DrawnAnswer,
  type DrawOptions,
  drawAnswers,
  drawInParts,
  type TextCodec,
} from './answers.ts';
export { attemptTasks } from './attempts.ts';
export {
  type Best,
  bestOfN,
  bestOfNKl,
  type CandidateOptions,
  drawCandidates,
  expectedBestOf,
} from './best_of_n.ts';
export { DPO_DEFAULTS, type DpoOptions, type DpoResult, type DpoSettings, dpo } from './dpo.ts';
export {
  answerProbabilities,
  enumerable,
  enumerableCodec,
  enumerableProblem,
  enumerableTask,
  equalPair,
  objective,
  optimum,
  solveEnumerable,
  uniformModel,
} from './enumerable.ts';
export { type Evaluated, evaluateAnswers, type HeldOut } from './evaluate_answers.ts';
export {
  GROUP_LOSSES,
  type GroupLoss,
  type GroupLossSettings,
  groupLoss,
  groupLossWeight,
  type KlPenalty,
} from './group_losses.ts';
export {
  GRPO_CHECKS,
  GRPO_DEFAULTS,
  GRPO_METHODS,
  type GrpoMethod,
  type GrpoSettings,
  grpo,
} from './grpo.ts';
export {
  type Comparison,
  type Contestant,
  type JudgeOptions,
  judge,
  type Rate,
  type Verdict,
  verdict,
  wilson,
} from './judge.ts';
export { type AdaptiveKlOptions, adaptedBeta, type KlEstimator, klEstimate } from './kl.ts';
export {
  agreement,
  bayesCeiling,
  type GoldPair,
  LABELLER_DEFAULTS,
  type Label,
  type LabellerSettings,
  labelPairs,
} from './labeller.ts';
export {
  type LengthHackResults,
  type LengthHackSettings,
  lengthHackExperiment,
} from './length_hack.ts';
export {
  type OveroptimiseResults,
  type OveroptimiseSettings,
  overoptimiseExperiment,
} from './overoptimise.ts';
export { type Attempt, majority, type PassRates, passAtK, passRates } from './pass_at_k.ts';
export {
  openPolicyBase,
  type PolicyBase,
  TUNING_CHECKS,
  TUNING_DEFAULTS,
  type TuningSettings,
} from './policy_base.ts';
export {
  type AnswerEvaluation,
  PLAN_DEFAULTS,
  type PostTrainOptions,
  type PostTrainPlan,
  type PostTrainProgress,
  type PostTrainResult,
  postTrain,
} from './post_train.ts';
export {
  encodePreferences,
  type Preference,
  type PreferenceTokens,
  type ReadPreferences,
  readPreferences,
  skippedLines,
  type Ties,
} from './preferences.ts';
export { type PreferredResults, type PreferredSettings, preferredExperiment } from './preferred.ts';
export {
  type ReasonedAnswer,
  type Reasoning,
  type ReasoningOptions,
  reasoning,
  THINK,
  thoughtSegments,
} from './reasoning.ts';
export {
  REASONING_DEFAULTS,
  type ReasoningResults,
  type ReasoningSettings,
  reasoningExperiment,
} from './reasoning_experiment.ts';
export {
  clippedReward,
  normalisedReward,
  type RewardModelRewardOptions,
  rewardModelReward,
  whitenedReward,
} from './reward_adapters.ts';
export {
  type CalibrationBin,
  evaluatePairs,
  type JudgedPair,
  type RewardEvaluation,
} from './reward_evaluation.ts';
export {
  loadRewardModel,
  openRewardModel,
  type RewardDescription,
  readRewardDescription,
  saveRewardModel,
} from './reward_file.ts';
export {
  normaliseRewards,
  RewardModel,
  type RewardModelOptions,
  type ScoreOptions,
  scoreSequences,
} from './reward_model.ts';
export { openRewardRun, type RewardRun, type RewardRunOptions } from './reward_run.ts';
export { REWARD_DEFAULTS, REWARD_PRESETS, type RewardSettings } from './reward_settings.ts';
export {
  createRewardModel,
  drawReference,
  judgePreferences,
  type RewardData,
  type RewardResult,
  type TrainRewardOptions,
  trainRewardModel,
} from './reward_training.ts';
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
  RLHF_PRESETS,
  type RlhfSettings,
  rlhf,
  rlhfLoss,
  type TextLearner,
  type TextProblem,
} from './rlhf.ts';
export {
  type CosineOptions,
  cosineLength,
  formatReward,
  lengthReward,
  repetitionPenalty,
  softOverlong,
  THINK_FORMAT,
} from './shaping.ts';
export { type Reading, readTokens, type Speaker, speakingAs } from './speaker.ts';
export {
  goldReward,
  STORY_BASE_DEFAULTS,
  STORY_END,
  type StoryBase,
  type StoryBaseSettings,
  type StoryTask,
  storyBase,
  storyTasks,
  trainStoryBase,
} from './story_world.ts';
export { TASK_FAMILIES, taskFamily } from './tasks/index.ts';
export { type RolloutOptions, rolloutTasks } from './tasks/rollout_tasks.ts';
export {
  attempt,
  differentTasks,
  familyReward,
  solved,
  type TaskCounts,
  type TaskFamily,
  type TaskSets,
  type VerifiableTask,
} from './tasks/task_family.ts';
export { longestPrompt, readTasks } from './tasks_file.ts';
export {
  TextCollector,
  type TextCollectorOptions,
  type TextMetrics,
  type TextRollout,
} from './text_collector.ts';
export { TextPolicy, type TextPolicyOptions, type TokenJudgement } from './text_policy.ts';
export {
  choiceAnswer,
  correctness,
  type DerivativeTask,
  derivativeAnswer,
  exactAnswer,
  numericAnswer,
} from './verifiable.ts';
export {
  VERIFIABLE_DEFAULTS,
  type VerifiableResults,
  type VerifiableSettings,
  verifiableExperiment,
} from './verifiable_experiment.ts';
