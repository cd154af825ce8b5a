// A warm start on solved problems, then answers that a program checks: the parts of `shadegrad reasoning`, off the page's thread.

import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { decodeUtf8 } from '../../src/io/json.ts';
import { type Engine, serve } from '../shared/engine.ts';
import { savingTo } from '../shared/saving.ts';
import type { Command, Report, Settings } from './protocol.ts';
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
  const saved = resume && folder ? await savedSettings(folder) : null;
  const settings = saved ?? given;
  solver = newSolver(device, settings);
  const { model, world } = solver;
  const { problem } = world.solved[0]!;
  engine.report({
    ...{ type: 'world', parameters: model.parameterCount, mostBudget: world.mostBudget },
    examples: `${problem.question} ${problem.rationale}`,
  });
  if (!saved) {
    const warm = await warmUp(device, solver, engine);
    if (!warm) return 'Stopped in the warm start.';
    await byBudget(device, engine, 0);
  }
  const options = { folder, resume: saved !== null };
  const { steps, stopped } = await learnFromTries(device, solver, options, engine);
  await byBudget(device, engine, steps);
  return `${stopped ? 'Stopped' : 'Done'} after ${steps} rollouts.`;
}

/** Of a run with a checkpoint; null where there is none. */
async function savedSettings(folder: Folder): Promise<Settings | null> {
  if ((await folder.list('checkpoints')).length === 0) return null;
  const config = decodeUtf8(await folder.read('config.json'), 'config.json');
  return (JSON.parse(config) as { settings: Settings }).settings;
}

/** What a step of thought has in tokens: `7 + 1 = 8.` */
const STEP = 6;

async function byBudget(device: Device, { report }: Engine<Report>, step: number): Promise<void> {
  const { world } = solver!;
  const points: { budget: number; right: number }[] = [];
  for (let budget = 0; budget <= world.mostBudget; budget += STEP / 2) {
    const { measured } = await measure(device, solver!, budget, 1);
    points.push({ budget, right: measured.passOnce });
  }
  report({ type: 'budgets', step, points });
}

async function ask(device: Device, { report }: Engine<Report>, budget: number): Promise<string> {
  if (!solver) return 'There is no model yet.';
  const { measured, groups } = await measure(device, solver, budget);
  report({ type: 'asked', budget, measured, groups });
  return 'Asked.';
}
