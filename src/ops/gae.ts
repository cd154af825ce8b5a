// Generalised advantage estimation (Schulman et al. 2016).

import source from '../../kernels/gae.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, groupsFor, kernelFile, launch } from './launch.ts';

const kernel = kernelFile('gae', source);

/** From this many environments on, one thread for each fills a GPU. */
const SERIAL_ENVS = 4096;
/** Up to this many steps a workgroup's 64 threads would have one step each, and the scan would be all their work. */
const SERIAL_STEPS = 64;

export interface GaeOptions {
  /** Discount γ. Default 0.99. */
  readonly gamma?: number;
  /** λ: 0 gives the one-step advantage, 1 the Monte Carlo return minus the value. Default 0.95. */
  readonly lambda?: number;
}

export interface Advantages {
  /** [T, N] f32. */
  readonly advantages: Tensor;
  /** [T, N] f32: advantages + values, the targets of the value function. */
  readonly returns: Tensor;
}

/**
 * A_t = δ_t + γλ A_{t+1} with δ_t = r_t + γ V(s_{t+1}) - V(s_t), and returns A + V.
 *
 * A terminated step has no next value; a truncated one (a time limit) keeps it. Nothing is carried across either; where
 * both flags are set, terminated wins. The results are constants: no gradient flows through them. Defaults as CleanRL.
 *
 * @param rewards [T, N] f32: T steps of N environments; the four others likewise.
 * @param values V(s_t).
 * @param nextValues V(s_{t+1}) of the state that the step led to, not of the one that a reset put in its place.
 * @param terminated 1 where the step ended the episode, else 0.
 * @param truncated 1 where a limit cut the episode off, else 0.
 * @throws ShapeError unless all have the shape of rewards.
 */
export function gae(
  rewards: Tensor,
  values: Tensor,
  nextValues: Tensor,
  terminated: Tensor,
  truncated: Tensor,
  { gamma = 0.99, lambda = 0.95 }: GaeOptions = {},
): Advantages {
  const { runtime, shape } = rewards;
  const [steps, envs] = shape;
  if (rewards.rank !== 2 || steps === undefined || envs === undefined) {
    throw new ShapeError(`gae: rewards is ${format(shape)}, expected [steps, environments]`);
  }
  const named = { rewards, values, nextValues, terminated, truncated };
  for (const [name, x] of Object.entries(named)) {
    if (!sameShape(x.shape, shape)) {
      throw new ShapeError(
        `gae: rewards is ${format(shape)} and ${name} is ${format(x.shape)}; all five need one shape`,
      );
    }
    expectDType('gae', name, x, 'f32');
  }
  const advantages = allocate(runtime, shape, 'f32');
  const returns = allocate(runtime, shape, 'f32');
  const serial = envs >= SERIAL_ENVS || steps <= SERIAL_STEPS;
  launch(kernel, serial ? 'serial' : 'chunked', {
    inputs: Object.values(named),
    outputs: [advantages, returns],
    params: { steps, envs, gamma, decay: gamma * lambda },
    workgroups: serial ? groupsFor(envs) : envs,
    flops: 6 * rewards.size,
  });
  return { advantages, returns };
}
