// Word problems of a given number of steps, like the lectures' cafeteria: 23 - 20 + 6 = 9.
//
//   Mia had 8 apples, lost 3, found 4. How many apples does she have now?
//   8 - 3 = 5. 5 + 4 = 9. The answer is 9.
//
// The same without words is a sum, `8 - 3 + 4 = ?`.

import { ConfigError } from '../errors.ts';
import { type RandomStream, randomStream } from '../tensor/philox.ts';
import type { WorkedExample } from './prompts.ts';

const PEOPLE = { Mia: 'she', Anna: 'she', Tom: 'he', Ben: 'he' };
const THINGS = ['apples', 'books', 'cards', 'coins'];
const GAINS = ['bought', 'found', 'won'];
const LOSSES = ['lost', 'sold', 'used'];

export interface WordProblem extends WorkedExample {
  readonly steps: number;
}

export interface WordProblemOptions {
  readonly seed: number;
  /** Data sets of one seed; no draw of one is a draw of another. Default 0. */
  readonly set?: number;
  readonly count: number;
  /** Problem i has minSteps + i mod (maxSteps - minSteps + 1) of them. */
  readonly minSteps: number;
  readonly maxSteps: number;
  /** The largest number on the way; the smallest is 0, and 1 to 9 come or go in a step. Default 10. */
  readonly largest?: number;
  /** Default 'story'. */
  readonly told?: 'story' | 'sum';
  /** Questions that must not occur, such as those that are held out. */
  readonly without?: ReadonlySet<string>;
}

const STREAM = 0x776f7264; // 'word': the draws of a seed that belong to word problems

/** Problems with different questions. @throws ConfigError for steps or numbers that cannot be. */
export function wordProblems(options: WordProblemOptions): WordProblem[] {
  const { seed, set = 0, count, minSteps, maxSteps } = options;
  const { largest = 10, told = 'story', without } = options;
  if (!(minSteps >= 1 && maxSteps >= minSteps) || largest < 10) {
    throw new ConfigError(
      `wordProblems: ${minSteps} to ${maxSteps} steps and numbers up to ${largest}; expected at least 1 step, and numbers up to 10 or more`,
    );
  }
  const random = randomStream(seed, STREAM, { step: set });
  const problems = new Map<string, WordProblem>();
  for (let tries = 0; problems.size < count; tries++) {
    if (tries > 10 * count + 100) {
      throw new ConfigError(
        `wordProblems: there are no ${count} different ones of ${minSteps} to ${maxSteps} steps; ask for fewer`,
      );
    }
    const steps = minSteps + (problems.size % (maxSteps - minSteps + 1));
    const problem = drawProblem(random, steps, largest, told);
    if (!without?.has(problem.question)) problems.set(problem.question, problem);
  }
  return [...problems.values()];
}

function drawProblem(
  random: RandomStream,
  steps: number,
  largest: number,
  as: 'story' | 'sum',
): WordProblem {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const [name, pronoun] = pick(Object.entries(PEOPLE));
  const thing = pick(THINGS);
  let total = 1 + random.integer(largest);
  const told = [`${name} had ${total} ${thing}`];
  const terms = [`${total}`];
  const computed: string[] = [];
  for (let step = 0; step < steps; step++) {
    // Where both are possible, as often up as down.
    const gains = total === 0 || (total < largest && random.integer(2) === 0);
    const amount = 1 + random.integer(Math.min(9, gains ? largest - total : total));
    const next = gains ? total + amount : total - amount;
    told.push(`${pick(gains ? GAINS : LOSSES)} ${amount}`);
    const change = `${gains ? '+' : '-'} ${amount}`;
    terms.push(change);
    computed.push(`${total} ${change} = ${next}.`);
    total = next;
  }
  const story = `${told.join(', ')}. How many ${thing} does ${pronoun} have now?`;
  const question = as === 'story' ? story : `${terms.join(' ')} = ?`;
  return { question, rationale: computed.join(' '), answer: total, steps };
}
