// Reasoning (lecture row I14): small models learn sums of several steps, `8 - 3 + 4 - 2 = ?`, with the steps in a reasoning
// buffer or with answers alone, from solutions of which a part have slips; then both learn from verifiable rewards, the buffer limited. At test time it may be longer.

import { between, listOf, nonNegativeInteger, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import { learnTexts, makeSolver, share } from '../llm/problem_solver.ts';
import type { Transformer } from '../llm/transformer.ts';
import type { Device } from '../ops/device.ts';
import { type DrawnAnswer, drawInParts } from './answers.ts';
import { GRPO_DEFAULTS, grpo } from './grpo.ts';
import type { ReasonedAnswer } from './reasoning.ts';
import { reasoningReport } from './reasoning_report.ts';
import {
  drawingOf,
  END,
  type ReasoningTask,
  solutions,
  type World,
  worldOf,
} from './reasoning_world.ts';
import type { Task } from './rewards.ts';
import { rolloutTasks } from './tasks/rollout_tasks.ts';
import { correctness, isNumber } from './verifiable.ts';

export const REASONING_DEFAULTS = {
  steps: 3,
  /** The largest number in a problem. */
  largest: 12,
  layers: 2,
  heads: 2,
  width: 32,
  solvedTasks: 3000,
  /** The share of the solved problems with a slip in a step or in the answer. */
  slips: 0.3,
  /** The share of the thoughts that end before the last steps: a model learns to answer from what it has. */
  cuts: 0.3,
  warmSteps: 1200,
  warmBatch: 16,
  warmLearningRate: 8e-3,
  /** Problems to try; none of them is solved. */
  tasks: 1000,
  iterations: 40,
  prompts: 16,
  groupSize: 8,
  learningRate: 5e-4,
  /** Most tokens of the buffer in training. A step has 6. */
  trainBudget: 12,
  /** At test time. */
  budgets: [0, 6, 12, 18, 24],
  /** Held-out problems, and answers to each. */
  heldOut: 100,
  attempts: 2,
  seeds: [1, 2, 3],
};

export type ReasoningSettings = typeof REASONING_DEFAULTS;

const REASONING_CHECKS = {
  steps: positiveInteger,
  largest: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  solvedTasks: positiveInteger,
  slips: between(0, 1),
  cuts: between(0, 1),
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

/** At temperature 1. */
export interface Accuracy {
  /** The share of right answers. */
  readonly right: number;
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
        const size = { layers, heads, width, context: world.context } as const;
        return makeSolver(device, world.tokenizer, size, seed);
      };
      const warm = await cells.weights(`${name}-warm`, async () => {
        const module = make();
        const texts = solutions(world.solved, way, settings, seed);
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
        ({ before, after }) => `${before.right} right before, ${after.right} after`,
      );
      results.push(result);
    }
  }
  return { results };
}

async function learn(
  device: Device,
  settings: ReasoningSettings,
  world: World,
  { model, way, seed, signal }: { model: Transformer; way: Way; seed: number; signal: AbortSignal },
): Promise<Pick<ReasoningResult, 'before' | 'after' | 'byBudget' | 'sample'>> {
  const { iterations, prompts, groupSize, learningRate, trainBudget, budgets, attempts } = settings;
  const { tokenizer, heldOut } = world;
  const policy = { model, adapter: null };
  const ends = [...tokenizer.encode(END)];
  const reward = correctness<ReasoningTask>('right', (text, { problem }) =>
    isNumber(text, problem.answer),
  );
  const asked = heldOut.flatMap((task) => Array<ReasoningTask>(attempts).fill(task));
  const ask = async (budget: number) => {
    const { draw, maxNewTokens } = drawingOf(world, way, budget);
    const options = { draw, maxNewTokens, ends, signal };
    const answers = await drawInParts(device, policy, tokenizer, asked, options);
    return { answers, ...accuracyOf(answers) };
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
    rewards: [reward],
    tasks,
  };
  const { learner } = grpo(device, problem, {
    ...GRPO_DEFAULTS,
    ...{ seed, answers: prompts * groupSize, groupSize, learningRate, maxNewTokens, beta: 0 },
    ...{ loss: 'dr_grpo', scale: 'none' },
  });
  const { answers: _, ...before } = await ask(world.mostBudget);
  for (let i = 0; i < iterations; i++) {
    signal.throwIfAborted();
    await learner.iterate(i, iterations);
  }
  const { answers, ...after } = await ask(world.mostBudget);
  const byBudget: ReasoningResult['byBudget'][number][] = [];
  for (const budget of way === 'buffer' ? budgets : []) {
    const { right, thought } = await ask(budget);
    byBudget.push({ budget, right, thought });
  }
  learner.dispose();
  const last = answers.at(-1)!;
  const thought = tokenizer.decode(thoughtOf(last));
  return {
    before,
    after,
    byBudget,
    sample: { prompt: last.task.prompt, thought, text: last.text },
  };
}

const thoughtOf = (answer: DrawnAnswer<Task>) =>
  (answer as Partial<ReasonedAnswer<Task>>).thought ?? [];

function accuracyOf(answers: readonly DrawnAnswer<ReasoningTask>[]): Accuracy {
  const lengths = answers.map((answer) => thoughtOf(answer).length);
  return {
    right: share(answers.map(({ text, task }) => isNumber(text, task.problem.answer))),
    thought: lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
  };
}
