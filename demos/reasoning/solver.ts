// The worker's model: small, taught sums of several steps from solutions of which some have slips, and asked for answers.

import type { Device } from '../../src/index.ts';
import { learnTexts, makeSolver } from '../../src/llm/problem_solver.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { type DrawnAnswer, drawInParts } from '../../src/posttrain/answers.ts';
import { passRates } from '../../src/posttrain/pass_at_k.ts';
import type { ReasonedAnswer } from '../../src/posttrain/reasoning.ts';
import { REASONING_DEFAULTS } from '../../src/posttrain/reasoning_experiment.ts';
import {
  drawingOf,
  END,
  type ReasoningTask,
  solutions,
  type World,
  worldOf,
} from '../../src/posttrain/reasoning_world.ts';
import { isNumber } from '../../src/posttrain/verifiable.ts';
import { extractAnswer } from '../../src/text/prompts.ts';
import { type Engine, unlessStopped } from '../shared/engine.ts';
import type { Draw } from './points.ts';
import type { Attempted, Group, Measured, Report, Settings } from './protocol.ts';

/** Two steps of numbers up to 10, for a software adapter. */
const SMALL = {
  ...{ steps: 2, largest: 10, layers: 1, width: 48, solvedTasks: 500, tasks: 380 },
  ...{ cuts: 0.05, warmBatch: 64, warmLearningRate: 0.012 },
};
/** Held-out problems, and answers to each. */
const HELD_OUT = { small: 32, large: 100 };
const ATTEMPTS = 4;
/** How often a long training is looked at. */
const EVALUATIONS = 6;
/** Steps of the warm start to a turn. */
const TURN = 5;
const SHOWN = 4;

export interface Solver {
  readonly settings: Settings;
  readonly world: World;
  readonly model: Transformer;
  readonly ends: readonly number[];
}

/** The settings of the experiment that this is a part of. */
export function experimentSettings({ small, slips, warmSteps, seed, budget }: Settings) {
  // For a GPU, the experiment's own: three steps of numbers up to 12.
  const size = small ? { ...REASONING_DEFAULTS, ...SMALL } : REASONING_DEFAULTS;
  const heldOut = small ? HELD_OUT.small : HELD_OUT.large;
  return {
    ...size,
    ...{ heldOut, slips, warmSteps, seeds: [seed], trainBudget: budget },
    budgets: [6 * size.steps],
  };
}

export function newSolver(device: Device, settings: Settings): Solver {
  const all = experimentSettings(settings);
  const world = worldOf(all, settings.seed);
  const { layers, heads, width } = all;
  const size = { layers, heads, width, context: world.context };
  const model = makeSolver(device, world.tokenizer, size, settings.seed);
  return { settings, world, model, ends: [...world.tokenizer.encode(END)] };
}

/** Supervised: as many steps as the settings say, watched now and then. @returns false where it was stopped */
export async function warmUp(
  device: Device,
  solver: Solver,
  { report, signal, turn }: Engine<Report>,
  draw: Draw,
): Promise<boolean> {
  const { settings, world, model } = solver;
  const all = experimentSettings(settings);
  const { seed, warmSteps: steps } = settings;
  const often = TURN * Math.ceil(steps / EVALUATIONS / TURN);
  const learned = learnTexts(
    device,
    model,
    world.tokenizer,
    solutions(world.solved, 'buffer', all, seed),
    {
      ...{ seed, steps, batch: all.warmBatch, learningRate: all.warmLearningRate, signal },
      every: TURN,
      async onStep(step, loss) {
        report({ type: 'warm', step, loss });
        if (step % often === 0 || step === steps) {
          const { measured } = await measure(device, solver);
          await draw({ type: 'warmed', step: 0, after: step, ...measured });
        }
        await turn();
      },
    },
  );
  return (await unlessStopped(signal, learned)) !== null;
}

/** On held-out problems, at the same seeds each time; by default with all the budget there is. */
export async function measure(
  device: Device,
  { model, world, ends }: Solver,
  budget = world.mostBudget,
  attempts = ATTEMPTS,
): Promise<{ readonly measured: Measured; readonly groups: readonly Group[] }> {
  const { draw, maxNewTokens } = drawingOf(world, 'buffer', budget);
  const asked = world.heldOut.flatMap((task) => Array<ReasoningTask>(attempts).fill(task));
  const policy = { model, adapter: null };
  const answers = await drawInParts(device, policy, world.tokenizer, asked, {
    ...{ draw, maxNewTokens, ends },
  });
  const judged = answers.map(({ text, task }) => ({
    right: isRight(text, task),
    vote: extractAnswer(text)?.value.toString() ?? null,
  }));
  const { pass, majority } = passRates(inGroups(judged, attempts), [1]);
  const thought =
    answers.reduce((sum, answer) => sum + thoughtOf(answer).length, 0) / answers.length;
  return {
    measured: { passOnce: pass[1]!.mean, majority: majority.mean, thought },
    groups: groupsOf(answers, attempts, world).slice(0, SHOWN),
  };
}

export const isRight = (text: string, { problem }: ReasoningTask): boolean =>
  isNumber(text, problem.answer);

/** As a visitor sees them. */
export function groupsOf(
  answers: readonly DrawnAnswer<ReasoningTask>[],
  size: number,
  { tokenizer }: World,
): Group[] {
  return inGroups(answers, size).map((group): Group => {
    const { problem } = group[0]!.task;
    const attempts = group.map((answer): Attempted => {
      const { text, task } = answer;
      return { right: isRight(text, task), thought: tokenizer.decode(thoughtOf(answer)), text };
    });
    return { question: problem.question, answer: String(problem.answer), attempts };
  });
}

function inGroups<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: all.length / size }, (_, g) => all.slice(g * size, (g + 1) * size));
}

const thoughtOf = (answer: DrawnAnswer<ReasoningTask>) =>
  (answer as ReasonedAnswer<ReasoningTask>).thought;
