// Reinforcement learning: what `shadegrad/rl` exports.

export { cartPole } from './env/cart_pole.ts';
export {
  type Box,
  box,
  type Discrete,
  describeSpace,
  discrete,
  type Environment,
  type Info,
  type Space,
  type Start,
  type Step,
  spaceContains,
  type Value,
} from './environment.ts';
export type { Picture, Role, Shape } from './picture.ts';
export { type RandomPosition, RandomSequence } from './random.ts';
export { ENVIRONMENTS, type Entry, environmentEntry, makeEnvironment } from './registry.ts';
export { type Dynamics, type SimulateOptions, simulate, type Transition } from './simulate.ts';
export { type Episode, VectorEnvironment, type VectorStep } from './vector.ts';
