// Exact methods: decision problems small enough to write down.

export {
  actionAdvantages,
  actionValues,
  evaluatePolicy,
  iteratePolicy,
  type Sweeps,
  supNorm,
} from './evaluate.ts';
export { type HorizonSolution, horizonOptimum, horizonValues } from './horizon.ts';
export {
  type Branch,
  expectedNext,
  fromDynamics,
  startValue,
  type Tables,
  type TabularMDP,
  tabularMDP,
} from './mdp.ts';
export {
  exactNaturalStep,
  exactNormalisedStep,
  fisherBlock,
  meanKL,
  naturalGradient,
  policyGradient,
  visitation,
} from './natural.ts';
export {
  policyIteration,
  type Solution,
  type ValueIterationOptions,
  valueIteration,
} from './optimal.ts';
export { bestActions, chooseActions, comparePolicies, type Order } from './order.ts';
export { deterministicPolicy, type Policy, softmaxPolicy, uniformPolicy } from './policy.ts';
export {
  EXACT_ALGORITHMS,
  type ExactAlgorithm,
  type Solved,
  type SolveOptions,
  solve,
} from './solve.ts';
export { enumerateTrajectories, type Trajectory } from './trajectories.ts';
