// What trains a policy: one file per algorithm makes one, `trainAgent` runs it.

import { DataError } from '../errors.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { indexOfNonFinite } from '../io/host_tensor.ts';
import type { Module } from '../nn/module.ts';
import type { ActorCritic } from './networks.ts';
import type { Episode } from './vector.ts';

export interface Iteration {
  /** That ended in it. */
  readonly episodes: readonly Episode[];
  /** For the log: losses, entropy, KL, … */
  readonly metrics: Readonly<Record<string, number>>;
  /** Steps that it took, where that differs from one to the next; default `stepsPerIteration`. */
  readonly steps?: number;
}

export interface LearnerState {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** JSON: counters, environments, running statistics. */
  readonly state: object;
}

export interface Learner<Model extends Module = Pick<ActorCritic, 'policy'> & Module> {
  readonly model: Model;
  /** Steps of all copies together in one iteration; at least so many where it plays whole episodes. */
  readonly stepsPerIteration: number;
  /** Iteration number `index`, from 0, of `count`; both by `stepsPerIteration`, and perhaps not whole. @throws DataError for a loss that is not finite */
  iterate(index: number, count: number): Promise<Iteration>;
  /** Everything that the rest of the training follows from. */
  save(): Promise<LearnerState>;
  /** @throws DataError where the tensors do not fit */
  load(saved: LearnerState): void;
  dispose(): void;
}

/** @throws DataError that names the first tensor of the model with NaN or infinity in it, where a metric is not finite */
export async function requireFiniteMetrics(
  metrics: Readonly<Record<string, number>>,
  model: Module,
): Promise<void> {
  const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (!bad) return;
  const [metric, value] = bad;
  for (const [name, x] of model.namedTensors()) {
    const data = (await x.data()) as Float32Array;
    const at = indexOfNonFinite({ shape: x.shape, dtype: x.dtype, data } as HostTensor);
    if (at >= 0)
      throw new DataError(`${metric} is ${value}; the first tensor that is not finite is ${name}`);
  }
  throw new DataError(`${metric} is ${value}, and all tensors of the model are finite`);
}
