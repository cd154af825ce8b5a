// A warm start on solved problems, then answers that a program checks: the parts of `shadegrad reasoning`, off the page's thread.

import type { Device } from '../../src/index.ts';
import { type Engine, serve } from '../shared/engine.ts';
import { savedSettings, savedStep } from '../shared/saved_settings.ts';
import { savingTo } from '../shared/saving.ts';
import { type Draw, drawing } from './points.ts';
import type { Command, Report } from './protocol.ts';
import { CHECKS } from './settings.ts';
import { measure, newSolver, type Solver, warmUp } from './solver.ts';
import { learnFromTries } from './trying.ts';

let solver: Solver | null = null;

serve<Command, Report>((command, device, engine) =>
  command.type === 'start' ? start(device, engine, command) : ask(device, engine, command.budget),
);

async function start(
  device: Device,
  engine: Engine<Report>,
  { settings: given, folder: path, resume }: Extract<Command, { type: 'start' }>,
): Promise<string> {
  const folder = await savingTo(path, engine.note);
  // A run that was lost before its first rollout begins again.
  const first = resume && folder ? await savedStep(folder) : 0;
  const settings = first > 0 ? await savedSettings(folder!, CHECKS) : given;
  solver = newSolver(device, settings);
  const { model, world } = solver;
  const { problem } = world.solved[0]!;
  engine.report({
    ...{ type: 'world', settings, parameters: model.parameterCount, mostBudget: world.mostBudget },
    examples: `${problem.question} ${problem.rationale}`,
  });
  const draw = await drawing(folder, first, engine);
  if (first === 0) {
    const warm = await warmUp(device, solver, engine, draw);
    if (!warm) return 'Stopped in the warm start.';
    await byBudget(device, draw, 0);
  }
  const options = { folder, resume: first > 0 };
  const { steps, stopped } = await learnFromTries(device, solver, options, engine, draw);
  await byBudget(device, draw, steps);
  return `${stopped ? 'Stopped' : 'Done'} after ${steps} rollouts.`;
}

/** What a step of thought has in tokens: `7 + 1 = 8.` */
const STEP = 6;

async function byBudget(device: Device, draw: Draw, step: number): Promise<void> {
  for (let budget = 0; budget <= solver!.world.mostBudget; budget += STEP / 2) {
    const { measured } = await measure(device, solver!, budget, 1);
    await draw({ type: 'budget', step, budget, right: measured.passOnce });
  }
}

async function ask(device: Device, { report }: Engine<Report>, budget: number): Promise<string> {
  if (!solver) return 'There is no model yet.';
  const { measured, groups } = await measure(device, solver, budget);
  report({ type: 'asked', budget, measured, groups });
  return 'Asked.';
}
