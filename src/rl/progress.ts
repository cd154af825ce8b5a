// How far a learner on rollouts is: all that a checkpoint of it holds.

import type { Json } from '../io/json.ts';
import { restoreTraining, trainingState } from '../io/training_state.ts';
import type { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { LearnerState } from './learner.ts';
import type { ObservationNorm, RunningMoments } from './normalise.ts';
import type { Collecting } from './rollout.ts';

/** A model, perhaps with running statistics of what it sees. */
export type Normalising = Module & { readonly norm?: ObservationNorm | null };

/** What is saved and restored with its counters. */
export interface Progressing {
  readonly model: Normalising;
  readonly optimizer: Optimizer;
  readonly collector: Collecting<unknown>;
}

export interface Counters {
  /** Of the optimiser. */
  readonly updates: number;
  /** Times that a rollout was gone through: the shuffles follow from it. */
  readonly epochs: number;
}

export async function saveProgress(
  { model, optimizer, collector }: Progressing,
  counters: Counters,
): Promise<LearnerState> {
  return {
    tensors: await trainingState(model.namedTensors(), optimizer),
    state: {
      ...counters,
      norm: model.norm?.snapshot() ?? null,
      collector: await collector.snapshot(),
    },
  };
}

/** @returns the counters as they were @throws DataError or CheckpointError where the tensors are of another model */
export function loadProgress(
  { model, optimizer, collector }: Progressing,
  { tensors, state }: LearnerState,
): Counters {
  const saved = state as Counters & {
    readonly norm: ReturnType<RunningMoments['snapshot']> | null;
    readonly collector: Json;
  };
  restoreTraining(model.namedTensors(), optimizer, { step: saved.updates, tensors });
  if (saved.norm) model.norm?.restore(saved.norm);
  collector.restore(saved.collector);
  return saved;
}
