// Tasks on short words whose answers can be checked: a letter says what is to be done, `Rbdac=cadb`.

import { ConfigError } from '../errors.ts';
import { randomStream } from '../tensor/philox.ts';
import type { Problem } from './problems.ts';

const LETTERS = 'abcdefgh';

/** Reverse the word, sort it, move its first letter to the end, take the next letter of each (a after h). */
const RULES = {
  R: (word: readonly string[]) => [...word].reverse(),
  S: (word: readonly string[]) => [...word].sort(),
  M: (word: readonly string[]) => [...word.slice(1), word[0]!],
  N: (word: readonly string[]) =>
    word.map((letter) => LETTERS[(LETTERS.indexOf(letter) + 1) % LETTERS.length]!),
};

export type Family = keyof typeof RULES;

export const FAMILIES = Object.keys(RULES) as Family[];

export function stringTask(family: Family, word: string): Problem {
  return { prompt: `${family}${word}=`, completion: RULES[family]([...word]).join('') };
}

/** What a line is: no task, or one with a right or a wrong answer. */
export function judgeLine(line: string): 'noTask' | 'right' | 'wrong' {
  const found = /^([A-Z])([a-h]+)=(.*)$/.exec(line);
  if (!found || !Object.hasOwn(RULES, found[1]!)) return 'noTask';
  const { completion } = stringTask(found[1] as Family, found[2]!);
  return completion === found[3] ? 'right' : 'wrong';
}

export interface StringTaskOptions {
  readonly seed: number;
  /** Data sets of one seed. Default 0. */
  readonly set?: number;
  readonly count: number;
  /** Task i is of families[i mod families.length]. Default all. */
  readonly families?: readonly Family[];
  /** Letters of a word. Default 4. */
  readonly length?: number;
  /** Prompts that must not occur, such as those that are held out. */
  readonly without?: ReadonlySet<string>;
}

const STREAM = 0x73747267; // 'strg': the draws of a seed that belong to string tasks

/** Tasks with different prompts. @throws ConfigError for more than half of all that there are. */
export function stringTasks(options: StringTaskOptions): Problem[] {
  const { seed, set = 0, count, families = FAMILIES, length = 4, without } = options;
  const all = families.length * LETTERS.length ** length;
  if (count + (without?.size ?? 0) > all / 2) {
    throw new ConfigError(
      `stringTasks: ${count} tasks and those left out are more than half of the ${all} with words of ${length} letters; take fewer, or longer words`,
    );
  }
  const random = randomStream(seed, STREAM, { step: set });
  const tasks = new Map<string, Problem>();
  while (tasks.size < count) {
    const family = families[tasks.size % families.length]!;
    const word = Array.from({ length }, () => LETTERS[random.integer(LETTERS.length)]!).join('');
    const task = stringTask(family, word);
    if (!without?.has(task.prompt)) tasks.set(task.prompt, task);
  }
  return [...tasks.values()];
}
