// Reinforcement learning: what `shadegrad/rl` exports.

export { type ConvOptions, conv2d } from '../ops/conv2d.ts';
export { segmentSum } from '../ops/segment_sum.ts';
export { A2C_DEFAULTS, type A2cSettings, a2c, a2cLoss, kStepEstimator } from './a2c.ts';
export { Actor, type ActorOptions } from './actor.ts';
export { ALGORITHMS, type Algorithm, algorithmNamed } from './algorithms.ts';
export { type CheckOptions, checkEnv } from './check_env.ts';
export {
  CLONING_DEFAULTS,
  Cloning,
  type CloningSettings,
  cloningLoss,
  type Demonstrations,
  type Imitator,
} from './cloning.ts';
export { ConvActorCritic, type ConvActorCriticOptions } from './conv_policy.ts';
export {
  DAGGER_DEFAULTS,
  type DaggerRound,
  type DaggerSettings,
  type DemonstrateOptions,
  dagger,
  demonstrate,
} from './dagger.ts';
export {
  type DaggerExperimentSettings,
  type DaggerResults,
  daggerExperiment,
} from './dagger_experiment.ts';
export {
  type Categorical,
  categorical,
  type Distribution,
  exploringGaussian,
  type Gaussian,
  gaussian,
} from './distributions.ts';
export { type ClosedForm, divergence } from './divergence.ts';
export { acrobot } from './env/acrobot.ts';
export { asteroids } from './env/asteroids.ts';
export { asteroidsExpert } from './env/asteroids_expert.ts';
export { type Bandit, type BanditOptions, bandit } from './env/bandit.ts';
export { breakout } from './env/breakout.ts';
export { cartPole } from './env/cart_pole.ts';
export { CHAIN_LIMIT, type ChainOptions, chain } from './env/chain.ts';
export { cliffWalking } from './env/cliff_walking.ts';
export { bestFanSpeed, cooling } from './env/cooling.ts';
export { type FrozenLakeOptions, frozenLake } from './env/frozen_lake.ts';
export {
  type GridWorldOptions,
  gridWorld,
  type RandomMazeOptions,
  randomMaze,
} from './env/grid_world.ts';
export { mountainCar } from './env/mountain_car.ts';
export { mountainCarContinuous } from './env/mountain_car_continuous.ts';
export { pendulum } from './env/pendulum.ts';
export { pursuit } from './env/pursuit.ts';
export { type Recommender, recommender } from './env/recommender.ts';
export { taxi } from './env/taxi.ts';
export {
  type Box,
  box,
  type Discrete,
  describeSpace,
  discrete,
  type Environment,
  type Info,
  randomAction,
  type Space,
  type Start,
  type Step,
  spaceContains,
  type Value,
} from './environment.ts';
export {
  EpisodeCollector,
  type EpisodeCollectorOptions,
  type PlayedEpisode,
  type StepTensors,
  stepTensors,
} from './episodes.ts';
export { ALSO_MEASURED, CHOICES, type Choice } from './estimator_choices.ts';
export {
  ESTIMATORS_DEFAULTS,
  type EstimatorsResults,
  type EstimatorsSettings,
  estimatorsExperiment,
} from './estimators_experiment.ts';
export { type EvaluationOptions, type EvaluationResult, evaluateAgent } from './evaluate.ts';
export {
  EXPERTS,
  expertFor,
  noisy,
  randomPolicy,
  type ScriptedPolicy,
  scriptedReturns,
} from './experts.ts';
export {
  certain,
  type FiniteDynamics,
  type FiniteRules,
  finiteDynamics,
  isFiniteDynamics,
  type Outcome,
} from './finite.ts';
export { frameStack } from './frame_stack.ts';
export {
  type GradientVariance,
  gradientVariance,
  type VarianceOptions,
  valuesOf,
} from './gradient_variance.ts';
export {
  chainGraph,
  type Graph,
  GraphActorCritic,
  type GraphActorCriticOptions,
} from './graph_policy.ts';
export {
  KernelEnvironment,
  type KernelEnvironmentOptions,
  type KernelSteps,
} from './kernel_environment.ts';
export type { Iteration, Learner, LearnerState } from './learner.ts';
export {
  gradientTerms,
  LECTURE_SAMPLES,
  type LogisticPolicy,
  logisticLogProb,
  type Side,
  type SideSample,
  sideProbability,
  sideScore,
} from './logistic_policy.ts';
export {
  conjugateGradient,
  fisherVectorProduct,
  flatGradient,
  type NaturalStep,
  naturalStep,
  normalisedStep,
} from './natural_gradient.ts';
export {
  type ActorCritic,
  type Judgement,
  judge,
  MlpActorCritic,
  type MlpActorCriticOptions,
  OrthogonalInitialiser,
  TanhMlp,
} from './networks.ts';
export {
  type Estimate,
  type ImportanceOptions,
  importanceWeights,
  isEstimate,
  type Overlap,
  offPolicyWeights,
  overlap,
  type RatioPer,
  stepLogRatios,
  trajectoryLogRatio,
  type Weighting,
} from './off_policy.ts';
export { type Losses, OnPolicy, type OnPolicySettings } from './on_policy.ts';
export type { Picture, Role, Shape } from './picture.ts';
export {
  type Act,
  type Frame,
  openPlayer,
  type Player,
  type PlayOptions,
  playEpisodes,
} from './play.ts';
export { type PlayPage, renderPlay } from './play_page.ts';
export {
  type AdvantageOptions,
  advantages,
  BASELINES,
  type Baseline,
  ESTIMATORS,
  type Estimator,
  MovingAverage,
  pgLoss,
} from './policy_gradient.ts';
export { PPO_DEFAULTS, type PpoSettings, ppo, ppoLossOf } from './ppo.ts';
export { type RandomPosition, RandomSequence } from './random.ts';
export { ENVIRONMENTS, type Entry, environmentEntry, makeEnvironment } from './registry.ts';
export {
  type ReinforceIteration,
  type ReinforceOptions,
  reinforce,
  sampleGradient,
} from './reinforce.ts';
export { REINFORCE_DEFAULTS, Reinforce, type ReinforceSettings } from './reinforce_learner.ts';
export {
  ReplayBuffer,
  type Transition as ReplayTransition,
  type TransitionBatch,
} from './replay.ts';
export {
  discountedReturns,
  kStepAdvantages,
  lambdaReturns,
  type Steps,
  tdErrors,
  type ValuedSteps,
} from './returns.ts';
export {
  type AdvantageEstimator,
  Collector,
  type CollectorOptions,
  type Experience,
  gaeEstimator,
  type Rollout,
} from './rollout.ts';
export { SAC_DEFAULTS, Sac, type SacSettings } from './sac.ts';
export { SacModel } from './sac_networks.ts';
export { signFlipTest } from './sign_flip.ts';
export { type Dynamics, type SimulateOptions, simulate, type Transition } from './simulate.ts';
export {
  actionScores,
  type ExpectedGradient,
  expectedGradient,
  softmaxOf,
} from './softmax_policy.ts';
export { squashed } from './squashed.ts';
export * from './tabular/index.ts';
export {
  type AgentProgress,
  type AgentResult,
  type AgentSettings,
  agentSettings,
  type TrainAgentOptions,
  trainAgent,
} from './train_agent.ts';
export { TRPO_DEFAULTS, Trpo, type TrpoSettings } from './trpo.ts';
export { fitValues } from './value_regression.ts';
export { type ProbeSettings, VarianceProbe } from './variance_probe.ts';
export { type Episode, VectorEnvironment, type VectorStep } from './vector.ts';
export { type Outlook, type WatchedFrame, watchEpisodes } from './watch.ts';
