// What imitation of a stronger model gives (lecture row H4; Gudibande et al. 2023, "The false promise of imitating proprietary
// LLMs"): copies of a small and a larger base learn from what a teacher writes for one family of tasks, from more and more of
// it, and are asked for that family and for the others.

import { positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment, Weights } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { characterTokenizer } from '../text/characters.ts';
import { type Problem, textOf } from '../text/problems.ts';
import { FAMILIES, type Family, stringTasks } from '../text/string_tasks.ts';
import { imitationReport } from './imitation_report.ts';
import {
  contextFor,
  exactShare,
  learnProblems,
  makeSolver,
  solveProblems,
} from './problem_solver.ts';
import type { Transformer } from './transformer.ts';

export const IMITATION_DEFAULTS = {
  /** Tasks of all families that the bases and the teacher learn. */
  examples: 4000,
  /** Held-out tasks of each family. */
  heldOut: 100,
  layers: 2,
  heads: 2,
  /** Of the bases. */
  widths: [16, 32],
  baseSteps: 300,
  teacherWidth: 48,
  teacherSteps: 800,
  batch: 32,
  learningRate: 8e-3,
  /** The family that is imitated: R reverses, S sorts, M moves the first letter to the end, N takes the next letters. */
  family: 'S' as Family,
  /** Outputs of the teacher to learn from. */
  amounts: [16, 64, 256, 1024],
  tuningSteps: 150,
  tuningRate: 1.5e-3,
  seeds: [1, 2, 3],
};

export type ImitationSettings = typeof IMITATION_DEFAULTS;

const IMITATION_CHECKS = {
  examples: positiveInteger,
  heldOut: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  baseSteps: positiveInteger,
  teacherWidth: positiveInteger,
  teacherSteps: positiveInteger,
  batch: positiveInteger,
  learningRate: positive,
  family: {
    expected: `one of ${FAMILIES.join(', ')}`,
    accepts: (value: unknown) => (FAMILIES as unknown[]).includes(value),
  },
  tuningSteps: positiveInteger,
  tuningRate: positive,
};

/** Held-out tasks solved, by family. */
export type Shares = Readonly<Record<Family, number>>;

/** A model; `examples` is 0 for a base, and null for the teacher. */
export interface ImitationResult {
  readonly seed: number;
  readonly width: number;
  readonly parameters: number;
  readonly examples: number | null;
  readonly solved: Shares;
}

export interface ImitationResults {
  readonly results: readonly ImitationResult[];
}

export const imitationExperiment: Experiment<ImitationSettings, ImitationResults> = {
  defaults: IMITATION_DEFAULTS,
  checks: IMITATION_CHECKS,
  count: ({ seeds, widths, amounts }) => seeds.length * (1 + widths.length * (1 + amounts.length)),
  run,
  report: imitationReport,
};

async function run(
  device: Device,
  settings: ImitationSettings,
  cells: Cells,
): Promise<ImitationResults> {
  const results: ImitationResult[] = [];
  for (const seed of settings.seeds) {
    const models = new Models(device, settings, seed, cells.signal);
    const { teacherWidth, teacherSteps, baseSteps, widths, amounts } = settings;
    const trained = (name: string, width: number, steps: number, examples: 0 | null) =>
      cells.weights(
        `seed-${seed}-${name}`,
        async () => {
          const module = await models.train(width, steps);
          return { module, about: await models.test(module, examples) };
        },
        told,
      );
    const teacher = await trained('teacher', teacherWidth, teacherSteps, null);
    results.push(teacher.about);
    for (const width of widths) {
      const base = await trained(`width-${width}`, width, baseSteps, 0);
      results.push(base.about);
      for (const amount of amounts) {
        const name = `seed-${seed}-width-${width}-examples-${amount}`;
        results.push(await cells.cell(name, () => models.imitate(teacher, base, amount), told));
      }
    }
  }
  return { results };
}

const told = ({ solved }: ImitationResult): string =>
  FAMILIES.map((family) => `${family} ${solved[family].toFixed(2)}`).join('  ');

/** The models of a seed, and the tasks that they learn and are asked. */
class Models {
  private readonly heldOut: readonly Problem[];
  private readonly tasks: readonly Problem[];
  private readonly tokenizer;

  constructor(
    private readonly device: Device,
    private readonly settings: ImitationSettings,
    private readonly seed: number,
    private readonly signal: AbortSignal,
  ) {
    const { heldOut, examples } = settings;
    this.heldOut = stringTasks({ seed, count: FAMILIES.length * heldOut });
    this.tasks = stringTasks({ seed, set: 1, count: examples, without: this.asked });
    this.tokenizer = characterTokenizer(textOf([...this.tasks, ...this.heldOut]));
  }

  private get asked(): ReadonlySet<string> {
    return new Set(this.heldOut.map(({ prompt }) => prompt));
  }

  private make(width: number): Transformer {
    const { layers, heads } = this.settings;
    const context = contextFor(this.tokenizer, this.tasks);
    return makeSolver(this.device, this.tokenizer, { layers, heads, width, context }, this.seed);
  }

  async train(width: number, steps: number): Promise<Transformer> {
    const { seed, signal, settings } = this;
    const { batch, learningRate } = settings;
    const model = this.make(width);
    const how = { seed, steps, batch, learningRate, signal };
    await learnProblems(this.device, model, this.tokenizer, this.tasks, how);
    return model;
  }

  /** A copy of the base that has learned what the teacher writes for so many tasks of the family. */
  async imitate(
    teacher: Weights<ImitationResult>,
    base: Weights<ImitationResult>,
    amount: number,
  ): Promise<ImitationResult> {
    const { device, tokenizer, seed, signal } = this;
    const { family, batch, tuningSteps: steps, tuningRate: learningRate } = this.settings;
    const from = { seed, set: 2, families: [family], without: this.asked };
    const prompts = stringTasks({ ...from, count: amount }).map(({ prompt }) => prompt);
    const strong = this.make(teacher.about.width);
    strong.load(teacher.tensors);
    const written = await solveProblems(device, strong, tokenizer, prompts);
    strong.dispose();
    const imitated = prompts.map((prompt, i) => ({ prompt, completion: written[i]! }));

    const model = this.make(base.about.width);
    model.load(base.tensors);
    const how = { seed, steps, batch, learningRate, signal };
    await learnProblems(device, model, tokenizer, imitated, how);
    const result = await this.test(model, amount);
    model.dispose();
    return result;
  }

  async test(model: Transformer, examples: number | null): Promise<ImitationResult> {
    const solved: Partial<Record<Family, number>> = {};
    for (const family of FAMILIES) {
      const own = this.heldOut.filter(({ prompt }) => prompt.startsWith(family));
      solved[family] = await exactShare(this.device, model, this.tokenizer, own);
    }
    const { seed } = this;
    const { config, parameterCount: parameters } = model;
    return { seed, width: config.width, parameters, examples, solved: solved as Shares };
  }
}
