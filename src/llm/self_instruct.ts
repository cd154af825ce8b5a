// Self-instruct (lecture row H4; Wang et al. 2023): from a few seed tasks a model makes up further tasks with answers, and
// learns from those that a filter lets through: round after round. The tasks are lines such as `Rbdac=cadb`, whose answers
// can be checked, so that it shows what the filter is worth: none but for repetitions, or one that checks the answers too.

import { positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment, Weights } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { characterTokenizer } from '../text/characters.ts';
import { type Problem, textOf } from '../text/problems.ts';
import { judgeLine, stringTasks } from '../text/string_tasks.ts';
import {
  contextFor,
  exactShare,
  learnProblems,
  makeSolver,
  solveProblems,
} from './problem_solver.ts';
import { selfInstructReport } from './self_instruct_report.ts';
import type { Transformer } from './transformer.ts';

export const SELF_INSTRUCT_DEFAULTS = {
  /** Lines that the base learns, and steps in which it does. */
  examples: 4000,
  baseSteps: 300,
  /** Seed tasks: as many as Alpaca had. */
  seedTasks: 175,
  /** Held-out tasks of all families together. */
  heldOut: 400,
  rounds: 4,
  /** Lines that the model makes up in each. */
  drawn: 512,
  temperature: 1,
  layers: 2,
  heads: 2,
  width: 32,
  batch: 32,
  learningRate: 8e-3,
  tuningSteps: 100,
  tuningRate: 3e-3,
  seeds: [1, 2, 3],
};

export type SelfInstructSettings = typeof SELF_INSTRUCT_DEFAULTS;

const SELF_INSTRUCT_CHECKS = {
  examples: positiveInteger,
  baseSteps: positiveInteger,
  seedTasks: positiveInteger,
  heldOut: positiveInteger,
  rounds: positiveInteger,
  drawn: positiveInteger,
  temperature: positive,
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  batch: positiveInteger,
  learningRate: positive,
  tuningSteps: positiveInteger,
  tuningRate: positive,
};

/** What is learned besides the seed tasks: nothing, new tasks, or new tasks with right answers. */
const FILTERS = ['seedsOnly', 'new', 'newAndRight'] as const;

export type Filter = (typeof FILTERS)[number];

export interface Round {
  /** Held-out tasks solved after it. */
  readonly solved: number;
  /** Tasks that are learned from then on, and how many of them have right answers. */
  readonly pool: number;
  readonly right: number;
}

export interface SelfInstructResult {
  readonly seed: number;
  readonly filter: Filter;
  /** The first is the base, before any tuning. */
  readonly rounds: readonly Round[];
}

export interface SelfInstructResults {
  readonly results: readonly SelfInstructResult[];
}

export const selfInstructExperiment: Experiment<SelfInstructSettings, SelfInstructResults> = {
  defaults: SELF_INSTRUCT_DEFAULTS,
  checks: SELF_INSTRUCT_CHECKS,
  count: ({ seeds }) => seeds.length * (1 + FILTERS.length),
  run,
  report: selfInstructReport,
};

async function run(
  device: Device,
  settings: SelfInstructSettings,
  cells: Cells,
): Promise<SelfInstructResults> {
  const results: SelfInstructResult[] = [];
  for (const seed of settings.seeds) {
    const own = new Bootstrap(device, settings, seed, cells.signal);
    const base = await cells.weights(
      `seed-${seed}-base`,
      () => own.base(),
      ({ solved }) => `${solved.toFixed(3)} solved`,
    );
    for (const filter of FILTERS) {
      const result = await cells.cell(
        `seed-${seed}-${filter.toLowerCase()}`,
        async () => ({ seed, filter, rounds: await own.rounds(base, filter) }),
        ({ rounds }) => rounds.map(({ solved, pool }) => `${solved.toFixed(3)}/${pool}`).join(' '),
      );
      results.push(result);
    }
  }
  return { results };
}

/** What a line begins after, so that the model can be asked for one from its first character on. */
const BEGIN = '>';

const wholeLine = ({ prompt, completion }: Problem): Problem => ({
  prompt: BEGIN,
  completion: prompt + completion,
});

/** The loop of a seed. */
class Bootstrap {
  private readonly heldOut: readonly Problem[];
  private readonly examples: readonly Problem[];
  private readonly seedTasks: readonly string[];
  private readonly tokenizer;

  constructor(
    private readonly device: Device,
    private readonly settings: SelfInstructSettings,
    private readonly seed: number,
    private readonly signal: AbortSignal,
  ) {
    const { heldOut, examples, seedTasks } = settings;
    const tasks = stringTasks({ seed, count: heldOut });
    const without = new Set(tasks.map(({ prompt }) => prompt));
    this.examples = stringTasks({ seed, set: 1, count: examples, without }).map(wholeLine);
    const seeds = stringTasks({ seed, set: 2, count: seedTasks, without });
    this.seedTasks = seeds.map(({ prompt, completion }) => prompt + completion);
    this.heldOut = tasks.map(({ prompt, completion }) => ({ prompt: BEGIN + prompt, completion }));
    this.tokenizer = characterTokenizer(textOf([...this.examples, ...this.heldOut]));
  }

  /** A model that has learned to write lines, and to solve a part of the tasks. */
  async base(): Promise<{ module: Transformer; about: { solved: number } }> {
    const { baseSteps, learningRate } = this.settings;
    const module = this.make();
    await this.learn(module, this.examples, baseSteps, learningRate);
    return { module, about: { solved: await this.solved(module) } };
  }

  async rounds(base: Weights<{ solved: number }>, filter: Filter): Promise<Round[]> {
    const { rounds, tuningSteps, tuningRate } = this.settings;
    const model = this.make();
    model.load(base.tensors);
    const pool = new Set(this.seedTasks);
    const results = [{ solved: base.about.solved, ...sizesOf(pool) }];
    for (let round = 1; round <= rounds; round++) {
      if (filter !== 'seedsOnly') await this.addTasks(model, pool, filter, round);
      const lines = [...pool].map((completion) => ({ prompt: BEGIN, completion }));
      await this.learn(model, lines, tuningSteps, tuningRate);
      results.push({ solved: await this.solved(model), ...sizesOf(pool) });
    }
    model.dispose();
    return results;
  }

  /** What the model makes up: tasks that neither the pool holds, with whatever answer, nor the test. */
  private async addTasks(
    model: Transformer,
    pool: Set<string>,
    filter: Filter,
    round: number,
  ): Promise<void> {
    const { drawn, temperature } = this.settings;
    const asked = Array<string>(drawn).fill(BEGIN);
    const how = { temperature, seed: (1000 * this.seed + round) * drawn };
    const lines = await solveProblems(this.device, model, this.tokenizer, asked, how);
    const promptOf = (line: string) => line.slice(0, line.indexOf('=') + 1);
    const known = new Set([...pool].map(promptOf));
    for (const { prompt } of this.heldOut) known.add(prompt.slice(BEGIN.length));
    for (const line of lines) {
      const judged = judgeLine(line);
      const passes = judged === 'right' || (judged === 'wrong' && filter === 'new');
      const ended = line.length + BEGIN.length < model.config.context + 1;
      if (!passes || !ended || known.has(promptOf(line))) continue;
      known.add(promptOf(line));
      pool.add(line);
    }
  }

  private make(): Transformer {
    const { layers, heads, width } = this.settings;
    const context = contextFor(this.tokenizer, this.examples);
    return makeSolver(this.device, this.tokenizer, { layers, heads, width, context }, this.seed);
  }

  private learn(
    model: Transformer,
    problems: readonly Problem[],
    steps: number,
    learningRate: number,
  ): Promise<void> {
    const { seed, signal, settings } = this;
    const how = { seed, steps, batch: settings.batch, learningRate, signal };
    return learnProblems(this.device, model, this.tokenizer, problems, how);
  }

  private solved(model: Transformer): Promise<number> {
    return exactShare(this.device, model, this.tokenizer, this.heldOut);
  }
}

function sizesOf(pool: ReadonlySet<string>): { pool: number; right: number } {
  return { pool: pool.size, right: [...pool].filter((line) => judgeLine(line) === 'right').length };
}
