// Reinforcement learning with verifiable rewards (lecture row I13): a small model learns some solved tasks, until it solves a part
// of them, and then from its own answers to others, of which a program says whether they are right. Watched on held-out tasks:
// one answer (pass@1), the best of several (pass@k), and the most frequent of all.

import { between, oneOf, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { MeanInterval } from '../io/mean_interval.ts';
import { learnProblems, makeSolver } from '../llm/problem_solver.ts';
import type { Device } from '../ops/device.ts';
import { randomStream } from '../tensor/philox.ts';
import { characterTokenizer } from '../text/characters.ts';
import { endMark } from '../text/chat_template.ts';
import { type Problem, textOf } from '../text/problems.ts';
import { withSlip } from '../text/slips.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { trainWords } from '../text/words.ts';
import { drawInParts } from './answers.ts';
import { attemptTasks } from './attempts.ts';
import { GRPO_DEFAULTS, grpo } from './grpo.ts';
import { passRates } from './pass_at_k.ts';
import { rewardOf } from './rewards.ts';
import { TASK_FAMILIES, taskFamily } from './tasks/index.ts';
import { rolloutTasks } from './tasks/rollout_tasks.ts';
import {
  familyReward,
  solved,
  type TaskFamily,
  type TaskSets,
  type VerifiableTask,
} from './tasks/task_family.ts';
import { verifiableReport } from './verifiable_report.ts';

export const VERIFIABLE_DEFAULTS = {
  /** One of the families of tasks. */
  task: 'arithmetic',
  layers: 2,
  heads: 4,
  width: 32,
  /** Solved tasks, and steps on them. */
  solvedTasks: 4000,
  /** The share of the solved tasks whose solution has a slip: what is learned from is not all right, as what people write. */
  slips: 0.6,
  warmSteps: 1600,
  warmBatch: 32,
  warmLearningRate: 3e-3,
  /** Tasks to try; none of them is solved. */
  tasks: 3000,
  iterations: 80,
  prompts: 32,
  groupSize: 8,
  learningRate: 1e-3,
  beta: 0,
  /** What an answer of the right form is worth; a right one is worth 1 more. */
  formWeight: 0.1,
  evaluateEvery: 10,
  /** Held-out tasks of each kind, and answers to each. */
  heldOut: 100,
  attempts: 16,
  seeds: [1, 2, 3],
};

export type VerifiableSettings = typeof VERIFIABLE_DEFAULTS;

const VERIFIABLE_CHECKS = {
  task: oneOf(...Object.keys(TASK_FAMILIES)),
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
  evaluateEvery: positiveInteger,
  heldOut: positiveInteger,
  attempts: positiveInteger,
};

export interface VerifiablePoint {
  /** Rollouts learned from. */
  readonly iteration: number;
  /** By k, over the held-out tasks. */
  readonly pass: Readonly<Record<number, MeanInterval>>;
  readonly majority: MeanInterval;
}

export interface VerifiableResult {
  readonly seed: number;
  readonly parameters: number;
  /** On tasks like those of training. */
  readonly points: readonly VerifiablePoint[];
  /** On longer ones, before and after. */
  readonly longer: readonly VerifiablePoint[];
  /** Held-out tasks with an answer before and after, drawn with the same seeds. */
  readonly samples: readonly {
    readonly prompt: string;
    readonly before: string;
    readonly after: string;
  }[];
}

export interface VerifiableResults {
  readonly results: readonly VerifiableResult[];
}

export const verifiableExperiment: Experiment<VerifiableSettings, VerifiableResults> = {
  defaults: VERIFIABLE_DEFAULTS,
  checks: VERIFIABLE_CHECKS,
  count: ({ seeds }) => 2 * seeds.length,
  run,
  report: verifiableReport,
};

/** Held-out tasks whose answers are kept. */
const SHOWN = 5;
/** What slips may bring in. */
const SLIP_SIGNS = '0123456789+-';
const TEMPLATE = 'lines';
const SLIP_STREAM = 0x736c6970; // 'slip': the draws of a seed that spoil solutions

async function run(
  device: Device,
  settings: VerifiableSettings,
  cells: Cells,
): Promise<VerifiableResults> {
  const results: VerifiableResult[] = [];
  for (const seed of settings.seeds) {
    const world = worldOf(settings, seed);
    const warm = await cells.weights(`seed-${seed}-warm`, async () => {
      const module = modelOf(device, settings, world, seed);
      const { warmSteps: steps, warmBatch: batch, warmLearningRate: learningRate } = settings;
      const how = { seed, steps, batch, learningRate, signal: cells.signal };
      const problems = withSlips(world.solved.map(solved), settings.slips, seed);
      await learnProblems(device, module, world.tokenizer, problems, how);
      return { module, about: { parameters: module.parameterCount } };
    });
    const result = await cells.cell(
      `seed-${seed}`,
      async () => {
        const model = modelOf(device, settings, world, seed);
        model.load(warm.tensors);
        const learned = await tryTasks(device, settings, world, {
          model,
          seed,
          signal: cells.signal,
        });
        model.dispose();
        return { seed, parameters: warm.about.parameters, ...learned };
      },
      ({ points }) => `pass@1 ${percent(points[0]!)} before, ${percent(points.at(-1)!)} after`,
    );
    results.push(result);
  }
  return { results };
}

function withSlips(problems: readonly Problem[], share: number, seed: number): Problem[] {
  const random = randomStream(seed, SLIP_STREAM);
  return problems.map(({ prompt, completion }) => ({
    prompt,
    completion: random.uniform() < share ? withSlip(completion, random) : completion,
  }));
}

const percent = ({ pass }: VerifiablePoint) => `${(100 * pass[1]!.mean).toFixed(1)} %`;

/** What a seed is about: its tasks, and how they become tokens. */
interface World {
  readonly family: TaskFamily;
  readonly sets: TaskSets<VerifiableTask>;
  readonly solved: readonly VerifiableTask[];
  readonly toTry: readonly VerifiableTask[];
  readonly tokenizer: Tokenizer;
  readonly promptTokens: number;
  /** With the end. */
  readonly answerTokens: number;
}

function worldOf({ task, solvedTasks, tasks, heldOut }: VerifiableSettings, seed: number): World {
  const family = taskFamily(task);
  const sets = family.draw({ seed, train: solvedTasks + tasks, heldOut });
  const all = [sets.train, sets.heldOut, sets.longer].flat();
  const text = textOf(all.map(solved)) + SLIP_SIGNS;
  const tokenizer = family.tokens === 'words' ? trainWords(text, 1000) : characterTokenizer(text);
  const longest = (of: (task: VerifiableTask) => string) =>
    all.reduce((most, each) => Math.max(most, tokenizer.encode(of(each)).length), 0);
  return {
    family,
    sets,
    solved: sets.train.slice(0, solvedTasks),
    toTry: sets.train.slice(solvedTasks),
    tokenizer,
    promptTokens: longest(({ prompt }) => prompt),
    answerTokens: longest(({ solution }) => solution) + 1,
  };
}

function modelOf(device: Device, settings: VerifiableSettings, world: World, seed: number) {
  const { layers, heads, width } = settings;
  const context = world.promptTokens + world.answerTokens - 1;
  return makeSolver(device, world.tokenizer, { layers, heads, width, context }, seed);
}

async function tryTasks(
  device: Device,
  settings: VerifiableSettings,
  { family, sets, toTry, tokenizer, promptTokens, answerTokens }: World,
  { model, seed, signal }: { model: ReturnType<typeof modelOf>; seed: number; signal: AbortSignal },
): Promise<Pick<VerifiableResult, 'points' | 'longer' | 'samples'>> {
  const {
    iterations,
    prompts,
    groupSize,
    learningRate,
    beta,
    formWeight,
    evaluateEvery,
    attempts,
  } = settings;
  const speaker = { model, adapter: null };
  const ends = [...tokenizer.encode(endMark(TEMPLATE))];
  const drawing = { ends, maxNewTokens: answerTokens, temperature: 1 };
  const form = rewardOf<VerifiableTask>(
    'form',
    ({ text, finished, task }) => Number(finished && family.vote(text, task) !== null),
    { weight: formWeight },
  );
  const problem = {
    ...{ codec: tokenizer, policy: speaker, reference: null, promptTokens, ends },
    rewards: [familyReward(family), form],
    tasks: rolloutTasks(toTry, { seed, prompts, groupSize }),
  };
  const { learner } = grpo(device, problem, {
    ...GRPO_DEFAULTS,
    ...{ seed, answers: prompts * groupSize, groupSize, learningRate, beta },
    ...{ maxNewTokens: answerTokens, loss: 'dr_grpo', scale: 'none' },
  });
  const ks = [...new Set([1, Math.min(4, attempts), attempts])];
  const drawn = { ...drawing, attempts, signal };
  const measure = async (tasks: readonly VerifiableTask[], iteration: number) => {
    const judged = await attemptTasks(device, speaker, tokenizer, family, tasks, drawn);
    return { iteration, ...passRates(judged, ks) };
  };
  const shownTasks = sets.heldOut.slice(0, SHOWN);
  const write = async () => {
    const answers = await drawInParts(device, speaker, tokenizer, shownTasks, drawing);
    return answers.map(({ text }) => text);
  };
  const before = await write();
  const points = [await measure(sets.heldOut, 0)];
  const longer = [await measure(sets.longer, 0)];
  for (let i = 1; i <= iterations; i++) {
    signal.throwIfAborted();
    await learner.iterate(i - 1, iterations);
    if (i % evaluateEvery === 0 || i === iterations) points.push(await measure(sets.heldOut, i));
  }
  longer.push(await measure(sets.longer, iterations));
  const after = await write();
  learner.dispose();
  const samples = shownTasks.map(({ prompt }, i) => {
    return { prompt, before: before[i]!, after: after[i]! };
  });
  return { points, longer, samples };
}
