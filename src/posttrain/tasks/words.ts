// Word problems, answered at once or after the steps.

import {
  answerSentence,
  extractAnswer,
  reasonedAnswer,
  zeroShot,
  zeroShotChain,
} from '../../text/prompts.ts';
import { type WordProblem, wordProblems } from '../../text/word_problems.ts';
import { isNumber } from '../verifiable.ts';
import type { TaskFamily, VerifiableTask } from './task_family.ts';

const MOST_STEPS = 3;

/** A task that a word problem makes. */
export interface WordTask extends VerifiableTask {
  readonly problem: WordProblem;
}

export function wordFamily(
  name: string,
  about: string,
  asked: (problem: WordProblem) => Asked,
): TaskFamily<WordTask> {
  const task = (problem: WordProblem): WordTask => ({
    ...asked(problem),
    answer: String(problem.answer),
    problem,
  });
  return {
    name,
    about,
    tokens: 'words',
    draw({ seed, train, heldOut }) {
      const common = { seed, minSteps: 1, maxSteps: MOST_STEPS };
      const tests = wordProblems({ ...common, count: heldOut });
      const without = new Set(tests.map(({ question }) => question));
      const longer = { ...common, set: 2, minSteps: MOST_STEPS + 1, maxSteps: MOST_STEPS + 1 };
      return {
        train: wordProblems({ ...common, set: 1, count: train, without }).map(task),
        heldOut: tests.map(task),
        longer: wordProblems({ ...longer, count: heldOut }).map(task),
      };
    },
    right: (text, { problem }) => isNumber(text, problem.answer),
    vote: (text) => extractAnswer(text)?.value.toString() ?? null,
  };
}

interface Asked {
  readonly prompt: string;
  readonly solution: string;
}

export const words = wordFamily(
  'words',
  `word problems of 1 to ${MOST_STEPS} steps, answered at once; longer ones have ${MOST_STEPS + 1}`,
  ({ question, answer }) => ({
    prompt: zeroShot(question),
    solution: ` ${answerSentence(answer)}`,
  }),
);

export const wordsInSteps = wordFamily(
  'words-in-steps',
  `the same, answered after the steps`,
  (problem) => ({
    prompt: zeroShotChain(problem.question),
    solution: ` ${reasonedAnswer(problem)}`,
  }),
);
