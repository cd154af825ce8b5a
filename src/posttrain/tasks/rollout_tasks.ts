// Which tasks a rollout asks: drawn anew for each, with the answers of a group side by side.

import { randomStream } from '../../tensor/philox.ts';
import type { Task } from '../rewards.ts';

const STREAM = 0x61736b73; // 'asks': the draws of a seed that choose tasks

export interface RolloutOptions {
  readonly seed: number;
  /** Different draws; a task may be drawn twice. */
  readonly prompts: number;
  /** Answers to each. */
  readonly groupSize: number;
}

/** A function of the rollout's number, as `TextProblem` takes it. */
export const rolloutTasks =
  <T extends Task>(tasks: readonly T[], { seed, prompts, groupSize }: RolloutOptions) =>
  (rollout: number): T[] => {
    const random = randomStream(seed, STREAM, { step: rollout });
    const chosen = Array.from({ length: prompts }, () => tasks[random.integer(tasks.length)]!);
    return chosen.flatMap((task) => Array<T>(groupSize).fill(task));
  };
