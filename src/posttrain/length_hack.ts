// Rewarding length (lecture row I9: "Rewarding intuitive things (e.g., length) can produce undesired consequences (e.g.,
// generating super-long answers)"): a judge who gives something for every token gets answers that do not end, and stories that
// fall apart. What repairs it: a penalty on what is over-long, or a larger β.

import { listOf, nonNegative, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { CASES, type LengthCase, lengthHackReport } from './length_hack_report.ts';
import { type Reward, rewardOf } from './rewards.ts';
import { softOverlong } from './shaping.ts';
import { optimiseStories, type StoryPoint, storyBaseCell } from './story_study.ts';
import { goldReward, STORY_PROMPT_TOKENS } from './story_world.ts';

export const LENGTH_HACK_DEFAULTS = {
  seeds: [1, 2, 3],
  width: 32,
  layers: 2,
  baseSteps: 300,
  /** Most tokens of an answer: more than twice as many as stories have. */
  answerTokens: 96,
  /** What the judge gives for each token more than `usual`, and takes for each less, beside the gold reward. */
  perToken: 0.3,
  usual: 38,
  beta: 0.02,
  /** That repairs it. */
  largerBeta: 0.5,
  /** Of the penalty that repairs it: from `most` - `margin` tokens on, up to `weight` at `most`. */
  penalty: 26,
  most: 96,
  margin: 52,
  iterations: 40,
  /** Of a rollout. */
  answers: 32,
  epochs: 2,
  learningRate: 1e-3,
  /** Rollouts to a point. */
  window: 4,
};

export type LengthHackSettings = typeof LENGTH_HACK_DEFAULTS;

const CHECKS = {
  seeds: listOf(positiveInteger) as never,
  width: positiveInteger,
  layers: positiveInteger,
  baseSteps: positiveInteger,
  answerTokens: positiveInteger,
  perToken: nonNegative,
  usual: nonNegative,
  beta: nonNegative,
  largerBeta: nonNegative,
  penalty: positive,
  most: positiveInteger,
  margin: positiveInteger,
  iterations: positiveInteger,
  answers: positiveInteger,
  epochs: positiveInteger,
  learningRate: positive,
  window: positiveInteger,
};

export interface LengthCurve {
  readonly seed: number;
  readonly what: LengthCase;
  /** `means` has gold and tokens, and overlong of the penalty. */
  readonly points: readonly StoryPoint[];
  readonly samples: readonly { readonly prompt: string; readonly text: string }[];
}

export interface LengthHackResults {
  readonly curves: readonly LengthCurve[];
}

export const lengthHackExperiment: Experiment<LengthHackSettings, LengthHackResults> = {
  defaults: LENGTH_HACK_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds }) => 1 + seeds.length * CASES.length,
  run,
  report: lengthHackReport,
};

async function run(
  device: Device,
  settings: LengthHackSettings,
  cells: Cells,
): Promise<LengthHackResults> {
  const { seeds, width, layers, baseSteps: steps, answerTokens, iterations, window } = settings;
  const context = STORY_PROMPT_TOKENS + answerTokens - 1;
  const copyOfBase = await storyBaseCell(device, cells, { width, layers, steps, context });
  const { answers, epochs, learningRate, beta, largerBeta } = settings;
  const curves: LengthCurve[] = [];
  for (const seed of seeds) {
    for (const what of CASES) {
      const optimised = async (): Promise<LengthCurve> => {
        const base = copyOfBase();
        const used = { seed, answers, epochs, learningRate };
        const { points, samples } = await optimiseStories(
          device,
          { ...base, maxNewTokens: answerTokens },
          {
            ...{ iterations, window, signal: cells.signal },
            settings: { ...used, beta: what === 'beta' ? largerBeta : beta },
            rewards: rewardsOf(what, settings),
            measured: [],
          },
        );
        base.model.dispose();
        return { seed, what, points, samples };
      };
      curves.push(await cells.cell(`seed-${seed}-${what}`, optimised, line));
    }
  }
  return { curves };
}

/** A constant for each token; that it is 0 at the usual length spares the value function a long way. */
const tokens = ({ perToken, usual }: LengthHackSettings): Reward =>
  rewardOf('tokens', ({ ids }) => ids.length - usual, { weight: perToken });

function rewardsOf(what: LengthCase, settings: LengthHackSettings): Reward[] {
  const { penalty: weight, most, margin } = settings;
  const biased = [goldReward, tokens(settings)];
  return what === 'penalty' ? [...biased, softOverlong({ most, margin, weight })] : biased;
}

function line({ points }: LengthCurve): string {
  const [first, last] = [points[0]!, points.at(-1)!];
  const told = ({ length, means }: StoryPoint) =>
    `${length.toFixed(1)} tokens, gold ${means.gold!.toFixed(2)}`;
  return `${told(first)}, then ${told(last)}`;
}
