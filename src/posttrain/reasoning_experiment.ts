// Reasoning (lecture row I14): small models learn word problems with the steps in a reasoning buffer, or with answers alone, from
// solutions of which a part have slips; then both learn from verifiable rewards, the buffer limited. At test time it may be longer.

import { between, listOf, nonNegativeInteger, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import { learnTexts, makeSolver, share } from '../llm/problem_solver.ts';
import type { Transformer } from '../llm/transformer.ts';
import type { Device } from '../ops/device.ts';
import { randomStream } from '../tensor/philox.ts';
import { completionSegments, endMark, type Segment } from '../text/chat_template.ts';
import { answerSentence, zeroShot } from '../text/prompts.ts';
import { withSlip } from '../text/slips.ts';
import { withSpecials } from '../text/special_tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type WordProblem, wordProblems } from '../text/word_problems.ts';
import { trainWords } from '../text/words.ts';
import { type AnswerDrawer, drawAnswers, drawInParts } from './answers.ts';
import { GRPO_DEFAULTS, grpo } from './grpo.ts';
import { type ReasonedAnswer, reasoning, THINK, thoughtSegments } from './reasoning.ts';
import { reasoningReport } from './reasoning_report.ts';
import type { Task } from './rewards.ts';
import { rolloutTasks } from './tasks/rollout_tasks.ts';
import { correctness, isNumber } from './verifiable.ts';

export const REASONING_DEFAULTS = {
  maxSteps: 5,
  /** The largest number in a problem. */
  largest: 10,
  layers: 2,
  heads: 2,
  width: 32,
  solvedTasks: 4000,
  /** The share of the solved problems with a slip in a step or in the answer. */
  slips: 0.5,
  warmSteps: 900,
  warmBatch: 16,
  warmLearningRate: 8e-3,
  /** Problems to try; none of them is solved. */
  tasks: 2000,
  iterations: 30,
  prompts: 16,
  groupSize: 8,
  learningRate: 1e-3,
  /** Most tokens of the buffer in training. A step has 6. */
  trainBudget: 18,
  /** At test time. */
  budgets: [0, 6, 12, 18, 24, 30],
  /** Held-out problems of each number of steps, and answers to each. */
  heldOut: 40,
  attempts: 2,
  seeds: [1, 2, 3],
};

export type ReasoningSettings = typeof REASONING_DEFAULTS;

const REASONING_CHECKS = {
  maxSteps: positiveInteger,
  largest: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  solvedTasks: positiveInteger,
  slips: between(0, 1),
  warmSteps: positiveInteger,
  warmBatch: positiveInteger,
  warmLearningRate: positive,
  tasks: positiveInteger,
  iterations: positiveInteger,
  prompts: positiveInteger,
  groupSize: positiveInteger,
  learningRate: positive,
  trainBudget: nonNegativeInteger,
  budgets: listOf(nonNegativeInteger) as never,
  heldOut: positiveInteger,
  attempts: positiveInteger,
};

/** What stands before the answer: nothing, or the steps in a buffer. */
export type Way = 'direct' | 'buffer';

/** Shares of right answers, at temperature 1. */
export interface Accuracy {
  /** By number of steps, from 1. */
  readonly bySteps: readonly number[];
  /** Tokens of the buffer, on average. */
  readonly thought: number;
}

export interface ReasoningResult {
  readonly seed: number;
  readonly way: Way;
  readonly parameters: number;
  /** After the warm start, with all the budget there is. */
  readonly before: Accuracy;
  readonly after: Accuracy;
  /** Of the buffer: after training, by its budget at test time. */
  readonly byBudget: readonly (Accuracy & { readonly budget: number })[];
  /** What a user sees of the last problem's answer, and what not. */
  readonly sample: { readonly prompt: string; readonly thought: string; readonly text: string };
}

export interface ReasoningResults {
  readonly results: readonly ReasoningResult[];
}

export const reasoningExperiment: Experiment<ReasoningSettings, ReasoningResults> = {
  defaults: REASONING_DEFAULTS,
  checks: REASONING_CHECKS,
  count: ({ seeds }) => 4 * seeds.length,
  run,
  report: reasoningReport,
};

const WAYS: readonly Way[] = ['direct', 'buffer'];
const TEMPLATE = 'lines';
const END = endMark(TEMPLATE);
const STREAM = 0x736c6970; // 'slip': the draws of a seed that spoil solutions

async function run(
  device: Device,
  settings: ReasoningSettings,
  cells: Cells,
): Promise<ReasoningResults> {
  const results: ReasoningResult[] = [];
  for (const seed of settings.seeds) {
    const world = worldOf(settings, seed);
    for (const way of WAYS) {
      const name = `seed-${seed}-${way}`;
      const make = () => {
        const { layers, heads, width } = settings;
        const size = { layers, heads, width, context: world.context, positions: 'rope' } as const;
        return makeSolver(device, world.tokenizer, size, seed);
      };
      const warm = await cells.weights(`${name}-warm`, async () => {
        const module = make();
        const texts = solutions(world.solved, way, settings.slips, seed);
        const { warmSteps: steps, warmBatch: batch, warmLearningRate: learningRate } = settings;
        const how = { seed, steps, batch, learningRate, signal: cells.signal };
        await learnTexts(device, module, world.tokenizer, texts, how);
        return { module, about: { parameters: module.parameterCount } };
      });
      const result = await cells.cell(
        name,
        async () => {
          const model = make();
          model.load(warm.tensors);
          const learned = await learn(device, settings, world, {
            model,
            way,
            seed,
            signal: cells.signal,
          });
          model.dispose();
          return { seed, way, parameters: warm.about.parameters, ...learned };
        },
        ({ before, after }) => `${before.bySteps.join(' ')} -> ${after.bySteps.join(' ')}`,
      );
      results.push(result);
    }
  }
  return { results };
}

interface ReasoningTask extends Task {
  readonly problem: WordProblem;
}

/** What a seed is about: its problems, and how they become tokens. */
interface World {
  readonly solved: readonly WordProblem[];
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

function worldOf(settings: ReasoningSettings, seed: number): World {
  const { maxSteps, largest, solvedTasks, tasks, heldOut: each, budgets, trainBudget } = settings;
  const common = { seed, minSteps: 1, maxSteps, largest };
  const tests = wordProblems({ ...common, count: each * maxSteps });
  const without = new Set(tests.map(({ question }) => question));
  const train = wordProblems({ ...common, set: 1, count: solvedTasks + tasks, without });
  const all = [...tests, ...train];
  const text = all.map(
    (p) => `${zeroShot(p.question)}${p.rationale} ${answerSentence(p.answer)}${END}`,
  );
  const tokenizer = withSpecials(trainWords(text.join(''), 1000), [THINK.open, THINK.close]);
  const longest = (of: (problem: WordProblem) => string) =>
    all.reduce((most, problem) => Math.max(most, tokenizer.encode(of(problem)).length), 0);
  const promptTokens = longest(({ question }) => zeroShot(question));
  const answerTokens = longest(({ answer }) => ` ${answerSentence(answer)}${END}`);
  const mostBudget = Math.max(
    trainBudget,
    longest(({ rationale }) => rationale),
    ...budgets,
  );
  const asTask = (problem: WordProblem) => ({ prompt: zeroShot(problem.question), problem });
  return {
    solved: train.slice(0, solvedTasks),
    toTry: train.slice(solvedTasks).map(asTask),
    heldOut: tests.map(asTask),
    ...{ tokenizer, promptTokens, answerTokens, mostBudget },
    context: promptTokens + 1 + mostBudget + answerTokens,
  };
}

/** As they are taught, a share of them with a slip. */
function solutions(
  problems: readonly WordProblem[],
  way: Way,
  slips: number,
  seed: number,
): Segment[][] {
  const random = randomStream(seed, STREAM);
  return problems.map(({ question, rationale, answer }) => {
    const prompt = zeroShot(question);
    const thought = way === 'buffer' ? rationale : '';
    const right = `${thought} ${answerSentence(answer)}`;
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
function drawingOf(world: World, way: Way, budget: number) {
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

async function learn(
  device: Device,
  settings: ReasoningSettings,
  world: World,
  { model, way, seed, signal }: { model: Transformer; way: Way; seed: number; signal: AbortSignal },
): Promise<Pick<ReasoningResult, 'before' | 'after' | 'byBudget' | 'sample'>> {
  const { iterations, prompts, groupSize, learningRate, trainBudget, budgets, attempts, maxSteps } =
    settings;
  const { tokenizer, heldOut } = world;
  const policy = { model, adapter: null };
  const ends = [...tokenizer.encode(END)];
  const right = correctness<ReasoningTask>('right', (text, { problem }) =>
    isNumber(text, problem.answer),
  );
  const answers = (budget: number) => {
    const { draw, maxNewTokens } = drawingOf(world, way, budget);
    const asked = heldOut.flatMap((task) => Array<ReasoningTask>(attempts).fill(task));
    return drawInParts(device, policy, tokenizer, asked, { draw, maxNewTokens, ends, signal });
  };
  const accuracy = async (budget: number): Promise<Accuracy> => {
    const drawn = await answers(budget);
    const steps = Array.from({ length: maxSteps }, (_, k) => k + 1);
    const solved = ({ text, task }: (typeof drawn)[number]) => isNumber(text, task.problem.answer);
    const thoughts = drawn.map(
      (each) => ((each as Partial<ReasonedAnswer<Task>>).thought ?? []).length,
    );
    return {
      bySteps: steps.map((k) =>
        share(drawn.filter(({ task }) => task.problem.steps === k).map(solved)),
      ),
      thought: thoughts.reduce((sum, length) => sum + length, 0) / thoughts.length,
    };
  };
  const { draw, promptTokens, maxNewTokens } = drawingOf(world, way, trainBudget);
  const tasks = rolloutTasks(world.toTry, { seed, prompts, groupSize });
  const problem = {
    codec: tokenizer,
    draw,
    promptTokens,
    ends,
    policy,
    reference: null,
    rewards: [right],
    tasks,
  };
  const { learner } = grpo(device, problem, {
    ...GRPO_DEFAULTS,
    ...{ seed, answers: prompts * groupSize, groupSize, learningRate, maxNewTokens, beta: 0 },
    ...{ loss: 'dr_grpo', scale: 'none' },
  });
  const before = await accuracy(world.mostBudget);
  for (let i = 0; i < iterations; i++) {
    signal.throwIfAborted();
    await learner.iterate(i, iterations);
  }
  const after = await accuracy(world.mostBudget);
  const byBudget: (Accuracy & { budget: number })[] = [];
  for (const budget of way === 'buffer' ? budgets : [])
    byBudget.push({ budget, ...(await accuracy(budget)) });
  const last = (await answers(world.mostBudget)).at(-1)!;
  const { thought = [] } = last as Partial<ReasonedAnswer<Task>>;
  learner.dispose();
  const sample = { prompt: last.task.prompt, thought: tokenizer.decode(thought), text: last.text };
  return { before, after, byBudget, sample };
}
