// Chains of thought (lecture row J8): small models learn the same word problems with answers alone, or with the steps that
// lead to them, and are asked held-out ones of one to five steps. A third model learns both, so that the prompt alone decides what
// the same weights write; of a fourth the solved problems before the question decide, too.

import { positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { type Problem, textOf } from '../text/problems.ts';
import {
  answerSentence,
  answersWith,
  fewShot,
  fewShotChain,
  reasonedAnswer,
  type WorkedExample,
  zeroShot,
  zeroShotChain,
} from '../text/prompts.ts';
import { wordProblems } from '../text/word_problems.ts';
import { trainWords } from '../text/words.ts';
import { chainReport } from './chain_of_thought_report.ts';
import { contextFor, learnProblems, makeSolver, share, solveProblems } from './problem_solver.ts';

export const CHAIN_DEFAULTS = {
  examples: 4000,
  /** Held-out problems of each number of steps. */
  heldOut: 100,
  maxSteps: 5,
  /** The largest number in a problem. */
  largest: 10,
  layers: 2,
  heads: 2,
  width: 32,
  steps: 900,
  batch: 16,
  learningRate: 8e-3,
  seeds: [1, 2, 3],
};

export type ChainSettings = typeof CHAIN_DEFAULTS;

const CHAIN_CHECKS = {
  examples: positiveInteger,
  heldOut: positiveInteger,
  maxSteps: positiveInteger,
  largest: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  steps: positiveInteger,
  batch: positiveInteger,
  learningRate: positive,
};

/** Solved problems before a question, of one step and of two. */
const SHOTS = 2;
const SOLVED = 400;

/** Ways of asking, after solved problems or none, and what is to be written. */
const ASKED = {
  directly: ({ question, answer }: WorkedExample): Problem => ({
    prompt: zeroShot(question),
    completion: ` ${answerSentence(answer)}`,
  }),
  stepByStep: (problem: WorkedExample): Problem => ({
    prompt: zeroShotChain(problem.question),
    completion: ` ${reasonedAnswer(problem)}`,
  }),
  afterAnswers: (problem: WorkedExample, solved: readonly WorkedExample[]): Problem => ({
    prompt: fewShot(problem.question, solved),
    completion: ` ${answerSentence(problem.answer)}`,
  }),
  afterChains: (problem: WorkedExample, solved: readonly WorkedExample[]): Problem => ({
    prompt: fewShotChain(problem.question, solved),
    completion: ` ${reasonedAnswer(problem)}`,
  }),
};

export type Asked = keyof typeof ASKED;

/** Models by the ways of asking that they learn, each with an equal part of the examples. */
export const TAUGHT = {
  answers: ['directly'],
  chains: ['stepByStep'],
  both: ['directly', 'stepByStep'],
  prompted: ['directly', 'stepByStep', 'afterAnswers', 'afterChains'],
} as const satisfies Readonly<Record<string, readonly Asked[]>>;

export type Taught = keyof typeof TAUGHT;

/** What a model, asked one way, makes of the held-out problems. */
export interface ChainAnswers {
  readonly asked: Asked;
  /** The share of right answers by number of steps, from 1. */
  readonly accuracy: readonly number[];
  /** The last prompt, and what the model wrote after it. */
  readonly sample: string;
}

export interface ChainResult {
  readonly seed: number;
  readonly taught: Taught;
  readonly parameters: number;
  readonly answers: readonly ChainAnswers[];
}

export interface ChainResults {
  readonly results: readonly ChainResult[];
}

export const chainExperiment: Experiment<ChainSettings, ChainResults> = {
  defaults: CHAIN_DEFAULTS,
  checks: CHAIN_CHECKS,
  count: ({ seeds }) => seeds.length * Object.keys(TAUGHT).length,
  run,
  report: chainReport,
};

async function run(device: Device, settings: ChainSettings, cells: Cells): Promise<ChainResults> {
  const results: ChainResult[] = [];
  const pairs = (some: readonly Taught[]) =>
    settings.seeds.flatMap((seed) => some.map((taught) => ({ seed, taught })));
  // What is compared first: a run that is stopped early has it for some seeds.
  const order = [pairs(['answers', 'chains']), pairs(['both']), pairs(['prompted'])].flat();
  for (const { seed, taught } of order) {
    const result = await cells.cell(
      `seed-${seed}-${taught}`,
      () => teach(device, settings, { taught, seed, signal: cells.signal }),
      ({ answers }) =>
        answers.map(({ asked, accuracy }) => `${asked} ${accuracy.join(' ')}`).join(', '),
    );
    results.push(result);
  }
  return { results };
}

async function teach(
  device: Device,
  settings: ChainSettings,
  { taught, seed, signal }: { taught: Taught; seed: number; signal: AbortSignal },
): Promise<ChainResult> {
  const { layers, heads, width, steps, batch, learningRate, maxSteps } = settings;
  const { train, heldOut, solved } = problemSets(settings, seed);
  const shots = (i: number) =>
    Array.from({ length: SHOTS }, (_, k) => solved[(SHOTS * i + k) % SOLVED]!);
  const ways = TAUGHT[taught];
  // Problem i has 1 + i mod maxSteps steps: those of each number are shared out evenly.
  const learned = train.map((problem, i) =>
    ASKED[ways[Math.floor(i / maxSteps) % ways.length]!](problem, shots(i)),
  );
  const tests = ways.map((asked) => ({
    asked,
    problems: heldOut.map((problem, i) => ASKED[asked](problem, shots(i))),
  }));

  const all = [learned, ...tests.map(({ problems }) => problems)].flat();
  const tokenizer = trainWords(textOf(all), 1000);
  const context = contextFor(tokenizer, all);
  const size = { layers, heads, width, context, positions: 'rope' } as const;
  const model = makeSolver(device, tokenizer, size, seed);
  const how = { seed, steps, batch, learningRate, signal };
  await learnProblems(device, model, tokenizer, learned, how);

  const answers: ChainAnswers[] = [];
  for (const { asked, problems } of tests) {
    const prompts = problems.map(({ prompt }) => prompt);
    const written = await solveProblems(device, model, tokenizer, prompts);
    const right = heldOut.map(({ answer }, i) => answersWith(written[i]!, answer));
    const accuracy = Array.from({ length: maxSteps }, (_, k) =>
      share(right.filter((_, i) => heldOut[i]!.steps === k + 1)),
    );
    answers.push({ asked, accuracy, sample: prompts.at(-1)! + written.at(-1)! });
  }
  const parameters = model.parameterCount;
  model.dispose();
  return { seed, taught, parameters, answers };
}

function problemSets({ examples, heldOut, maxSteps, largest }: ChainSettings, seed: number) {
  const common = { seed, minSteps: 1, maxSteps, largest };
  const tests = wordProblems({ ...common, count: heldOut * maxSteps });
  const without = new Set(tests.map(({ question }) => question));
  const train = wordProblems({ ...common, set: 1, count: examples, without });
  const few = { set: 2, count: SOLVED, maxSteps: SHOTS, without };
  return { heldOut: tests, train, solved: wordProblems({ ...common, ...few }) };
}
