// The world of the reasoning experiment: sums of several steps, solutions with and without slips, and how answers are drawn.

import { randomStream } from '../tensor/philox.ts';
import { completionSegments, endMark, type Segment } from '../text/chat_template.ts';
import { answerSentence, zeroShot } from '../text/prompts.ts';
import { withSlip } from '../text/slips.ts';
import { withSpecials } from '../text/special_tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type WordProblem, wordProblems } from '../text/word_problems.ts';
import { trainWords } from '../text/words.ts';
import { type AnswerDrawer, drawAnswers } from './answers.ts';
import { reasoning, THINK, thoughtSegments } from './reasoning.ts';
import type { ReasoningSettings, Way } from './reasoning_experiment.ts';
import type { Task } from './rewards.ts';

const TEMPLATE = 'lines';
/** Of an answer. */
export const END: string = endMark(TEMPLATE);
const STREAM = 0x736c6970; // 'slip': the draws of a seed that spoil solutions

export interface ReasoningTask extends Task {
  readonly problem: WordProblem;
}

/** What a seed is about: its problems, and how they become tokens. */
export interface World {
  readonly solved: readonly ReasoningTask[];
  readonly toTry: readonly ReasoningTask[];
  readonly heldOut: readonly ReasoningTask[];
  readonly tokenizer: Tokenizer;
  readonly promptTokens: number;
  /** With the end. */
  readonly answerTokens: number;
  /** Positions for the longest buffer of training and test. */
  readonly context: number;
  readonly mostBudget: number;
}

export function worldOf(settings: ReasoningSettings, seed: number): World {
  const { steps, largest, solvedTasks, tasks, heldOut: count } = settings;
  const common = { seed, minSteps: steps, maxSteps: steps, largest, told: 'sum' as const };
  const tests = wordProblems({ ...common, count });
  const without = new Set(tests.map(({ question }) => question));
  const train = wordProblems({ ...common, set: 1, count: solvedTasks + tasks, without });
  const asked = (problems: readonly WordProblem[]) =>
    problems.map((problem): ReasoningTask => ({ prompt: zeroShot(problem.question), problem }));
  const [heldOut, learned] = [asked(tests), asked(train)];
  const all = [...heldOut, ...learned].map(({ prompt, problem }) => ({
    prompt,
    thought: ` ${problem.rationale}`,
    answer: ` ${answerSentence(problem.answer)}${END}`,
  }));
  const text = all.map(({ prompt, thought, answer }) => prompt + thought + answer).join('');
  const tokenizer = withSpecials(trainWords(text, 1000), [THINK.open, THINK.close]);
  const longest = (part: 'prompt' | 'thought' | 'answer') =>
    all.reduce((most, each) => Math.max(most, tokenizer.encode(each[part]).length), 0);
  const [promptTokens, answerTokens] = [longest('prompt'), longest('answer')];
  const mostBudget = Math.max(longest('thought'), settings.trainBudget, ...settings.budgets);
  return {
    solved: learned.slice(0, solvedTasks),
    toTry: learned.slice(solvedTasks),
    heldOut,
    ...{ tokenizer, promptTokens, answerTokens, mostBudget },
    context: promptTokens + 1 + mostBudget + answerTokens,
  };
}

/** As they are taught: a share of them with a slip, and of the thoughts a share that end before the last steps. */
export function solutions(
  tasks: readonly ReasoningTask[],
  way: Way,
  { slips, cuts }: Pick<ReasoningSettings, 'slips' | 'cuts'>,
  seed: number,
): Segment[][] {
  const random = randomStream(seed, STREAM);
  return tasks.map(({ prompt, problem }) => {
    const steps = problem.rationale.split(/(?<=\.) /).map((step) => ` ${step}`);
    const told = random.uniform() < cuts ? random.integer(steps.length) : steps.length;
    const thought = way === 'buffer' ? steps.slice(0, told).join('') : '';
    const right = `${thought} ${answerSentence(problem.answer)}`;
    const written = random.uniform() < slips ? withSlip(right, random) : right;
    if (way === 'direct') return completionSegments({ prompt, completion: written }, TEMPLATE);
    const parts = {
      thought: written.slice(0, thought.length),
      answer: written.slice(thought.length),
    };
    return thoughtSegments({ prompt, ...parts }, END);
  });
}

/** How a way draws its answers, with the most tokens of prompts and answers. */
export function drawingOf(world: World, way: Way, budget: number) {
  const { tokenizer, promptTokens, answerTokens, context } = world;
  if (way === 'direct') {
    const draw: AnswerDrawer = drawAnswers;
    return { draw, promptTokens, maxNewTokens: answerTokens };
  }
  const [open, close] = [THINK.open, THINK.close].map((tag) => tokenizer.specials.get(tag)!) as [
    number,
    number,
  ];
  return reasoning({ open, close, budget, answerTokens, promptTokens, context });
}
