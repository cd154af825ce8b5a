// Families of tasks whose answers are checked by a program: what is asked, how an answer is judged, and what a supervised warm
// start learns to write.

import { ConfigError } from '../../errors.ts';
import type { Problem } from '../../text/problems.ts';
import type { Attempt } from '../pass_at_k.ts';
import type { Reward, Task } from '../rewards.ts';
import { correctness } from '../verifiable.ts';

export interface VerifiableTask extends Task {
  /** A right answer, as it is written. */
  readonly answer: string;
  /** The same with the way to it, where there is one: what a model of the warm start learns to write after the prompt. */
  readonly solution: string;
}

export interface TaskCounts {
  readonly seed: number;
  readonly train: number;
  /** Of each kind. */
  readonly heldOut: number;
}

/** All prompts differ. */
export interface TaskSets<T extends VerifiableTask> {
  readonly train: readonly T[];
  /** Like those of training. */
  readonly heldOut: readonly T[];
  /** Longer than any of training. */
  readonly longer: readonly T[];
}

export interface TaskFamily<T extends VerifiableTask = VerifiableTask> {
  readonly name: string;
  /** One line for a person. */
  readonly about: string;
  /** What its texts are cut into. */
  readonly tokens: 'characters' | 'words';
  /** The same seed gives the same sets. @throws ConfigError for more tasks than there are. */
  draw(counts: TaskCounts): TaskSets<T>;
  /** Whether what was written after the prompt is right. */
  right(text: string, task: T): boolean;
  /** What it comes to: the same for answers that are the same; null where it comes to nothing. */
  vote(text: string, task: T): string | null;
}

/** 1 for right answers. */
export function familyReward<T extends VerifiableTask>(
  { name, right }: TaskFamily<T>,
  options: { readonly weight?: number } = {},
): Reward<T> {
  return correctness(name, right, options);
}

export function attempt<T extends VerifiableTask>(
  { right, vote }: TaskFamily<T>,
  text: string,
  task: T,
): Attempt {
  return { right: right(text, task), vote: vote(text, task) };
}

/** As a supervised warm start learns it. */
export const solved = ({ prompt, solution }: VerifiableTask): Problem => ({
  prompt,
  completion: solution,
});

const MOST_IN_VAIN = 1000;

/**
 * `count` tasks of different prompts, none of them among `without`.
 * @throws ConfigError where so many draws in a row are known that there seem to be no more.
 */
export function differentTasks<T extends Task>(
  name: string,
  count: number,
  draw: () => T,
  without: readonly Task[] = [],
): T[] {
  const known = new Set(without.map(({ prompt }) => prompt));
  const tasks: T[] = [];
  for (let inVain = 0; tasks.length < count; ) {
    if (++inVain > MOST_IN_VAIN) {
      throw new ConfigError(
        `${name}: there seem to be no ${count} different tasks, after ${tasks.length} of them ${MOST_IN_VAIN} draws gave no new one; ask for fewer`,
      );
    }
    const task = draw();
    if (known.has(task.prompt)) continue;
    known.add(task.prompt);
    tasks.push(task);
    inVain = 0;
  }
  return tasks;
}
