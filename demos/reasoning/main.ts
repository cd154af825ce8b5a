// The page: the warm start, the rollouts and what they teach, and thoughts to be asked for.

import { RunControls } from '../shared/controls.ts';
import { fillForm } from '../shared/form.ts';
import { linePlot } from '../shared/line_plot.ts';
import { element, showStatus, showUncaughtErrors } from '../shared/page.ts';
import type { Phase } from '../shared/phases.ts';
import type { SavedAt } from '../shared/protocol.ts';
import { savedRuns } from '../shared/saved_runs.ts';
import type { Command, Measured, Report, Settings } from './protocol.ts';
import { defaultsFor, settingsFrom } from './settings.ts';
import { clearTables, showGroups, showThoughts } from './tables.ts';

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const asking = element('asking', HTMLFormElement);
const budget = element('budget-asked', HTMLInputElement);
const budgetValue = element('budget-value', HTMLOutputElement);
const askButton = element('ask', HTMLButtonElement);
const asked = element('asked', HTMLElement);
const world = element('world', HTMLElement);
const figures = {
  warmSteps: element('warm-steps', HTMLElement),
  warmLoss: element('warm-loss', HTMLElement),
  rollout: element('rollout', HTMLElement),
  pass: element('pass', HTMLElement),
  majority: element('majority', HTMLElement),
  teach: element('teach', HTMLElement),
  thought: element('thought', HTMLElement),
};
const before = { world: world.textContent, asked: asked.textContent };
const SHARE = 'share of right answers';
const WHOLE = [0, 1] as const;

const warm = linePlot(element('warm', HTMLElement), {
  x: 'step',
  y: SHARE,
  lines: [{ label: 'pass@1, held out', color: 1, points: true }],
  yRange: WHOLE,
});
const accuracy = linePlot(element('accuracy', HTMLElement), {
  x: 'rollout',
  y: SHARE,
  lines: [
    { label: 'rollout', color: 0, faint: true },
    { label: 'pass@1, held out', color: 1, points: true },
    { label: 'majority of 4', color: 2, points: true },
  ],
  yRange: WHOLE,
});
const teaching = linePlot(element('teaching', HTMLElement), {
  x: 'rollout',
  y: 'groups',
  lines: [
    { label: 'all right', color: 2, format: String },
    { label: 'all wrong', color: 1, format: String, dashed: true },
  ],
});
const byBudget = linePlot(element('budgets', HTMLElement), {
  x: 'most tokens of thought',
  y: SHARE,
  lines: [
    { label: 'after the warm start', color: 0, points: true, dashed: true },
    { label: 'after the rollouts', color: 1, points: true },
  ],
  yRange: WHOLE,
});

let small = false;
/** Of the run: where it goes on, not those of the form. */
let settings: Settings | null = null;
/** Accuracies by budget: after the warm start, and after the rollouts. */
let budgets = new Map<number, [number | null, number | null]>();

const saved = savedRuns(
  element('saved', HTMLElement),
  'reasoning',
  'look into RUN/metrics.jsonl; shadegrad reasoning runs the whole experiment',
);
const run = new RunControls<Command, Report>({
  ...{ form, saved, begin, clear, onAdapter, onReport, onPhase },
});

asking.addEventListener('submit', (event) => {
  event.preventDefault();
  if (canAsk(run.phase))
    run.ask({ type: 'ask', budget: budget.valueAsNumber }, 'Thinking about held-out problems…');
});
budget.addEventListener('input', showBudget);

function canAsk(phase: Phase): boolean {
  return phase === 'paused' || phase === 'ended';
}

function onPhase(phase: Phase): void {
  askButton.ariaDisabled = String(!canAsk(phase));
}

function onAdapter({ software }: { software: boolean }): void {
  small = software;
  fillForm(form, defaultsFor(software));
}

function begin(where: SavedAt): Command {
  return { type: 'start', settings: settingsFrom(form, small), ...where };
}

function clear(): void {
  for (const plot of [warm, accuracy, teaching, byBudget]) plot.reset();
  for (const figure of Object.values(figures)) figure.textContent = '–';
  [world.textContent, asked.textContent] = [before.world, before.asked];
  budgets = new Map();
  clearTables();
}

function showBudget(): void {
  budgetValue.textContent = `${budget.value} tokens`;
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'world': {
      const { parameters, examples, mostBudget } = report;
      settings = report.settings;
      fillForm(form, { ...settings });
      warm.reset({ xRange: [0, settings.warmSteps] });
      accuracy.reset({ xRange: [0, settings.rollouts] });
      teaching.reset({ xRange: [0, settings.rollouts], yRange: [0, settings.prompts] });
      world.textContent = `${parameters.toLocaleString('en')} parameters, one token for a number, a sign or a word. It learns to think, for example: ${examples}`;
      budget.max = String(mostBudget);
      budget.value = budget.max;
      byBudget.reset({ xRange: [0, mostBudget] });
      showBudget();
      break;
    }
    case 'warm':
      figures.warmLoss.textContent = report.loss.toFixed(3);
      showWarm(report.step);
      progress('the warm start', report.step, settings!.warmSteps);
      break;
    case 'warmed':
      warm.add(report.after, [report.passOnce]);
      showWarm(report.after);
      showMeasured(report);
      break;
    case 'groups':
      showGroups(report.groups);
      showThoughts(report.groups);
      break;
    case 'rollout': {
      const { step, right, allRight, noneRight } = report;
      const { rollouts, prompts } = settings!;
      accuracy.add(step, [right, null, null]);
      teaching.add(step, [allRight, noneRight]);
      figures.rollout.textContent = `${step} / ${rollouts}`;
      figures.teach.textContent = `${prompts - allRight - noneRight} of ${prompts}`;
      progress('it tries', step, rollouts);
      break;
    }
    case 'measured':
      accuracy.add(report.step, [null, report.passOnce, report.majority]);
      showMeasured(report);
      break;
    case 'budget':
      addBudget(report);
      break;
    case 'asked': {
      const { measured, groups } = report;
      showThoughts(groups);
      asked.textContent = `With up to ${report.budget} tokens of thought, ${percent(measured.passOnce)} of the answers to held-out problems are right, and ${percent(measured.majority)} by the majority of 4. It used ${measured.thought.toFixed(1)}.`;
    }
  }
}

function showMeasured({ passOnce, majority, thought }: Measured): void {
  figures.pass.textContent = percent(passOnce);
  figures.majority.textContent = percent(majority);
  figures.thought.textContent = thought.toFixed(1);
}

function showWarm(step: number): void {
  figures.warmSteps.textContent = `${step} / ${settings!.warmSteps}`;
}

function addBudget({ step, budget: at, right }: Extract<Report, { type: 'budget' }>): void {
  const both = budgets.get(at) ?? [null, null];
  both[step === 0 ? 0 : 1] = right;
  budgets.set(at, both);
  byBudget.reset();
  for (const [x, values] of [...budgets].sort(([a], [b]) => a - b)) byBudget.add(x, values);
}

/** A screen reader speaks the status when it changes: that is what goes on, and not how far it is. */
function progress(what: string, step: number, steps: number): void {
  run.progress(step / steps);
  if (run.phase === 'running') showStatus(`Running: ${what}.`);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
