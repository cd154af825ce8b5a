// The families of tasks by name.

import { ConfigError } from '../../errors.ts';
import { arithmetic } from './arithmetic.ts';
import { bugs } from './bugs.ts';
import { derivatives } from './derivatives.ts';
import type { TaskFamily } from './task_family.ts';
import { words, wordsInSteps } from './words.ts';

// biome-ignore lint/suspicious/noExplicitAny: each judges its own kind of tasks
export const TASK_FAMILIES: Readonly<Record<string, TaskFamily<any>>> = Object.fromEntries(
  [arithmetic, derivatives, words, wordsInSteps, bugs].map((family) => [family.name, family]),
);

/** @throws ConfigError, with their names, where there is none. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function taskFamily(name: string): TaskFamily<any> {
  if (Object.hasOwn(TASK_FAMILIES, name)) return TASK_FAMILIES[name]!;
  throw new ConfigError(`no tasks "${name}"; there are ${Object.keys(TASK_FAMILIES).join(', ')}`);
}
