// Generalised advantage estimation (Schulman et al. 2016).

import source from '../../kernels/gae.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, kernelFile, lanesFor, launch } from './launch.ts';

const kernel = kernelFile('gae', source);

/** From this many environments on, one run is enough: runs cost a second reading. A CPU has few SIMD groups to fill. */
const SERIAL_ENVS = { software: 8, hardware: 8192 };
/** Below it, runs for so many threads. */
const RUN_THREADS = { software: 16, hardware: 32_768 };
/** Runs of fewer steps cost more to carry than they save. */
const SHORTEST_RUN = 64;
/** Of a workgroup: on a CPU one SIMD group, since nothing is shared. */
const THREADS = { software: 8, hardware: 64 };

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
  const inputs = Object.values(named);
  launchRuns(inputs, [advantages, returns], { gamma, decay: gamma * lambda });
  return { advantages, returns };
}

/** The steps in as many runs as it takes to keep the adapter busy. */
function launchRuns(
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  factors: { readonly gamma: number; readonly decay: number },
): void {
  const { runtime, shape, size } = outputs[0]!;
  const [steps, columns] = shape as [number, number];
  const kind = runtime.gpu.adapter.software ? 'software' : 'hardware';
  // Rows lie far apart; four environments to a thread use whole cache lines of them.
  const width = kind === 'software' && columns % 4 === 0 ? 4 : 1;
  const envs = columns / width;
  const wanted = columns >= SERIAL_ENVS[kind] ? 1 : Math.ceil(RUN_THREADS[kind] / columns);
  const most = Math.max(1, Math.floor(steps / SHORTEST_RUN));
  const length = Math.ceil(steps / Math.min(wanted, most));
  const runs = length === 0 ? 0 : Math.ceil(steps / length);
  const constants = { Value: width === 4 ? 'vec4f' : 'f32', THREADS: THREADS[kind] };
  const common = {
    params: { steps, envs, runs, length, ...factors },
    workgroups: Math.ceil((runs * envs) / THREADS[kind]),
    flops: 6 * size,
  };
  if (runs <= 1) {
    launch(kernel, 'walk', { ...common, inputs: [...inputs, inputs[0]!], outputs, constants });
    return;
  }
  using maps = allocate(runtime, [runs, columns, 2], 'f32');
  using following = allocate(runtime, [runs, columns], 'f32');
  launch(kernel, 'compose', { ...common, inputs, outputs: [maps], constants });
  launch(kernel, 'carry', {
    ...common,
    inputs: [maps],
    outputs: [following],
    constants: { Value: constants.Value, LANES: lanesFor(runtime) },
    workgroups: envs,
  });
  launch(kernel, 'walk', {
    ...common,
    inputs: [...inputs, following],
    outputs,
    constants: { ...constants, CARRIED: 'true' },
  });
}
