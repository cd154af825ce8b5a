// Exact methods: decision problems small enough to write down.

export {
  actionValues,
  advantages,
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
  policyIteration,
  type Solution,
  type ValueIterationOptions,
  valueIteration,
} from './optimal.ts';
export { bestActions, chooseActions, comparePolicies, type Order } from './order.ts';
export { deterministicPolicy, type Policy, softmaxPolicy, uniformPolicy } from './policy.ts';
export { enumerateTrajectories, type Trajectory } from './trajectories.ts';
