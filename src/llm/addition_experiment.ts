// Addition with the digits of the sum in reverse, beside those in their usual order (Lee et al. 2023): the same model, sums,
// and steps; what counts is that all digits of a held-out sum are right.

import { positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { additionData } from '../text/addition.ts';
import { characterTokenizer } from '../text/characters.ts';
import { textOf } from '../text/problems.ts';
import { additionReport } from './addition_report.ts';
import { contextFor, learnProblems, makeSolver, share, solveProblems } from './problem_solver.ts';

export const ADDITION_DEFAULTS = {
  digits: 3,
  examples: 10000,
  /** Asked for at the end; the first `watched` of them every `evaluateEvery` steps. */
  heldOut: 1000,
  watched: 200,
  evaluateEvery: 50,
  layers: 2,
  heads: 4,
  width: 96,
  hidden: 320,
  steps: 600,
  batch: 64,
  learningRate: 3e-3,
  seeds: [1, 2, 3],
};

export type AdditionSettings = typeof ADDITION_DEFAULTS;

const ADDITION_CHECKS = {
  digits: positiveInteger,
  examples: positiveInteger,
  heldOut: positiveInteger,
  watched: positiveInteger,
  evaluateEvery: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  hidden: positiveInteger,
  steps: positiveInteger,
  batch: positiveInteger,
  learningRate: positive,
};

export interface AdditionResult {
  readonly seed: number;
  readonly reversed: boolean;
  readonly parameters: number;
  /** The share of held-out sums with all digits right. */
  readonly exact: number;
  /** The share of right digits, from the lowest. */
  readonly places: readonly number[];
  /** `exact` of the watched sums while it learns. */
  readonly curve: readonly { readonly step: number; readonly exact: number }[];
}

export interface AdditionResults {
  readonly results: readonly AdditionResult[];
}

export const additionExperiment: Experiment<AdditionSettings, AdditionResults> = {
  defaults: ADDITION_DEFAULTS,
  checks: ADDITION_CHECKS,
  count: ({ seeds }) => 2 * seeds.length,
  run,
  report: additionReport,
};

async function run(
  device: Device,
  settings: AdditionSettings,
  cells: Cells,
): Promise<AdditionResults> {
  const results: AdditionResult[] = [];
  for (const reversed of [true, false]) {
    for (const seed of settings.seeds) {
      const result = await cells.cell(
        `${reversed ? 'reversed' : 'plain'}-seed-${seed}`,
        () => learnToAdd(device, settings, { reversed, seed, signal: cells.signal }),
        ({ exact }) => `${(100 * exact).toFixed(1)} % exact`,
      );
      results.push(result);
    }
  }
  return { results };
}

async function learnToAdd(
  device: Device,
  settings: AdditionSettings,
  { reversed, seed, signal }: { reversed: boolean; seed: number; signal: AbortSignal },
): Promise<AdditionResult> {
  const { digits, watched, evaluateEvery, steps, batch, learningRate } = settings;
  const { train, heldOut } = additionData({ ...settings, reversed, seed });
  const tokenizer = characterTokenizer(textOf(train));
  const { layers, heads, width, hidden } = settings;
  const context = contextFor(tokenizer, train);
  const size = { layers, heads, width, hidden, context };
  const model = makeSolver(device, tokenizer, size, seed);
  /** Which digits are right, of each sum, as written. */
  const rightDigits = async (sums: typeof heldOut): Promise<boolean[][]> => {
    const prompts = sums.map(({ prompt }) => prompt);
    const written = await solveProblems(device, model, tokenizer, prompts);
    return sums.map(({ completion }, i) =>
      Array.from(completion, (digit, place) => written[i]![place] === digit),
    );
  };
  const exactShare = (right: readonly boolean[][]) =>
    share(right.map((digits) => digits.every(Boolean)));

  const curve: { step: number; exact: number }[] = [];
  await learnProblems(device, model, tokenizer, train, {
    ...{ seed, steps, batch, learningRate, signal, every: evaluateEvery },
    async onStep(step) {
      curve.push({ step, exact: exactShare(await rightDigits(heldOut.slice(0, watched))) });
    },
  });
  const right = await rightDigits(heldOut);
  const written = Array.from({ length: digits + 1 }, (_, i) => share(right.map((own) => own[i]!)));
  const places = reversed ? written : written.reverse();
  const parameters = model.parameterCount;
  model.dispose();
  return { seed, reversed, parameters, exact: exactShare(right), places, curve };
}
