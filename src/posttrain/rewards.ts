// What answers are worth: rewards by name, weighted, and kept one by one.

import { ConfigError, DataError } from '../errors.ts';

/** What is asked: a prompt, and what else a reward must know, such as the right answer. */
export interface Task {
  readonly prompt: string;
}

/** An answer to a task, as rewards see it. */
export interface Answer<T extends Task = Task> {
  readonly task: T;
  /** Without its end token. */
  readonly text: string;
  /** The prompt's tokens. */
  readonly promptIds: readonly number[];
  /** The answer's, its end token last where it has one. */
  readonly ids: readonly number[];
  /** Whether it came to its end by itself, within the tokens that it had. */
  readonly finished: boolean;
}

export interface Reward<T extends Task = Task> {
  /** For logs and messages. */
  readonly name: string;
  /** Factor in the sum. Default 1. */
  readonly weight?: number;
  /** One number for each answer. */
  score(answers: readonly Answer<T>[]): readonly number[] | Promise<readonly number[]>;
}

/** A reward that looks at one answer at a time. */
export function rewardOf<T extends Task>(
  name: string,
  score: (answer: Answer<T>) => number,
  { weight = 1 }: { readonly weight?: number } = {},
): Reward<T> {
  return {
    name,
    weight,
    score: (answers) =>
      answers.map((answer) => {
        try {
          return score(answer);
        } catch (cause) {
          throw new DataError(`reward "${name}" failed on ${quoted(answer)}: ${messageOf(cause)}`, {
            cause,
          });
        }
      }),
  };
}

export interface Scores {
  /** Of each answer: the weighted sum. */
  readonly totals: readonly number[];
  /** By the reward's name, without its weight. */
  readonly parts: Readonly<Record<string, readonly number[]>>;
}

/**
 * @throws ConfigError for no rewards, or two of one name; DataError, with the reward's name and the answer, where one fails
 *   or gives what is no finite number.
 */
export async function scoreAnswers<T extends Task>(
  rewards: readonly Reward<T>[],
  answers: readonly Answer<T>[],
): Promise<Scores> {
  checkRewards(rewards);
  const totals = answers.map(() => 0);
  const parts: Record<string, readonly number[]> = {};
  for (const reward of rewards) {
    const { name, weight = 1 } = reward;
    const values = await scored(reward, answers);
    if (values.length !== answers.length)
      throw new DataError(
        `reward "${name}" gave ${values.length} numbers for ${answers.length} answers`,
      );
    for (const [i, value] of values.entries()) {
      if (!Number.isFinite(value))
        throw new DataError(`reward "${name}" is ${value} for ${quoted(answers[i]!)}`);
      totals[i]! += weight * value;
    }
    parts[name] = values;
  }
  return { totals, parts };
}

export function checkRewards(rewards: readonly Pick<Reward, 'name' | 'weight'>[]): void {
  if (rewards.length === 0) throw new ConfigError('there is no reward; give at least one');
  const names = rewards.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new ConfigError(`two rewards are named "${twice}"`);
  const bad = rewards.find(({ weight = 1 }) => !Number.isFinite(weight));
  if (bad) throw new ConfigError(`reward "${bad.name}" has the weight ${bad.weight}`);
}

async function scored<T extends Task>(
  reward: Reward<T>,
  answers: readonly Answer<T>[],
): Promise<readonly number[]> {
  try {
    return await reward.score(answers);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`reward "${reward.name}" failed: ${messageOf(cause)}`, { cause });
  }
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

const SHOWN = 60;

function quoted({ task, text }: Answer): string {
  const cut = (s: string) => JSON.stringify(s.length > SHOWN ? `${s.slice(0, SHOWN)}…` : s);
  return `the answer ${cut(text)} to ${cut(task.prompt)}`;
}
