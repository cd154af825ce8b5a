// The page: a form, the worker that trains, its curves, and one environment on stage.

import { RunControls } from '../shared/controls.ts';
import { fillForm, readForm, restoreFromLink } from '../shared/form.ts';
import { linePlot } from '../shared/line_plot.ts';
import { element, showUncaughtErrors } from '../shared/page.ts';
import type { Phase } from '../shared/phases.ts';
import type { SavedAt } from '../shared/protocol.ts';
import { savedRuns } from '../shared/saved_runs.ts';
import type { Begun, Command, Point, Report } from './protocol.ts';
import { breaksOf, canBreak, type FormValues, formOf, presetOf, settingsFrom } from './settings.ts';
import { buildStage } from './stage.ts';

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const figures = {
  step: element('step', HTMLElement),
  return: element('return', HTMLElement),
  episodes: element('episodes', HTMLElement),
  speed: element('speed', HTMLElement),
  copies: element('copies', HTMLElement),
};
const facts = element('facts', HTMLElement);
const x = 'environment steps';
const returns = linePlot(element('curve', HTMLElement), {
  x,
  y: 'return, mean of the last 100 episodes',
  lines: [{ label: 'now', color: 0, format: (value) => value.toFixed(1) }],
});
const entropy = linePlot(element('entropy', HTMLElement), {
  x,
  y: 'nats',
  lines: [{ label: 'now', color: 0 }],
});
const kl = linePlot(element('kl', HTMLElement), {
  x,
  y: 'nats',
  lines: [{ label: 'now', color: 1, format: (value) => value.toFixed(4) }],
});
const plots = [returns, entropy, kl];
const stage = buildStage();

let software = true;
let episodes = 0;
let steps = 0;
let resumed = false;
/** What the curves show, once there is something. */
let shown: { environment: string; label: string } | null = null;
const saved = savedRuns(element('saved', HTMLElement), 'control', 'shadegrad rl play RUN');
const run = new RunControls<Command, Report>({
  ...{ form, saved, begin, clear, onAdapter, onReport, onPhase },
});

for (const name of ['environment', 'algorithm'])
  form.querySelector(`[name=${name}]`)!.addEventListener('change', () => {
    fillPreset();
    followChoice();
  });

const values = () => readForm(form) as unknown as FormValues;

function onAdapter(adapter: { software: boolean }): void {
  ({ software } = adapter);
  restoreFromLink(form); // what is filled in depends on what a link has chosen
  fillPreset();
  followChoice();
}

function fillPreset(): void {
  fillForm(form, presetOf(values(), software));
}

/** Switches that the algorithm lacks are off and out of sight. */
function followChoice(): void {
  const { algorithm, environment } = values();
  for (const input of form.querySelectorAll<HTMLInputElement>('[type=checkbox]')) {
    const offered = canBreak(algorithm, input.name);
    element(`break-${input.name}`, HTMLElement).hidden = !offered;
    if (!offered) input.checked = false;
  }
  stage.set(environment);
}

function onPhase(phase: Phase): void {
  if (phase === 'opening') {
    shown = null;
    for (const plot of plots) plot.keepBehind(null);
  }
  stage.repeats = phase !== 'running';
}

function begin(where: SavedAt): Command {
  const { algorithm, environment } = values();
  resumed = where.resume;
  return {
    type: 'start',
    ...{ algorithm, environment, settings: settingsFrom(values()) },
    ...where,
  };
}

function clear(): void {
  for (const figure of Object.values(figures)) figure.textContent = '–';
  for (const plot of plots) {
    plot.keepBehind(shown?.label ?? null);
    plot.reset();
  }
  episodes = 0;
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'begun':
      beginWith(report.begun);
      break;
    case 'progress':
      episodes += report.episodes;
      follow(report.point);
      figures.episodes.textContent = episodes.toLocaleString('en');
      figures.speed.textContent = threeDigits.format(report.stepsPerSecond);
      break;
    case 'frames':
      stage.add(report.frames);
  }
}

function beginWith(begun: Begun): void {
  const { algorithm, environment, settings, levels, past } = begun;
  if (resumed) {
    fillForm(form, formOf(begun));
    followChoice();
  }
  ({ steps } = begun);
  // Nothing to compare with: the beginning of the same run, or another world's returns.
  if (resumed || shown?.environment !== environment)
    for (const plot of plots) plot.keepBehind(null);
  const label = [algorithm, ...breaksOf(values())].join(', ');
  shown = { environment, label: `before: ${label}, seed ${settings.seed}` };
  const heights = levels.map(({ value }) => value);
  returns.reset({ xRange: [0, steps], yRange: [Math.min(...heights), Math.max(...heights)] });
  entropy.reset({ xRange: [0, steps], yRange: [0, 0.5] });
  kl.reset({ xRange: [0, steps], yRange: [0, 0.02] });
  returns.setLevels(levels.map((level, i) => ({ ...level, color: LEVEL_COLORS[i]! })));
  element('kl', HTMLElement).hidden = algorithm !== 'ppo';
  stage.set(environment);
  for (const point of past) follow(point);
  const { copies, gamma } = settings as unknown as { copies: number; gamma: number };
  figures.copies.textContent = copies.toLocaleString('en');
  facts.textContent = `${copies.toLocaleString('en')} copies of ${environment} at once, discount γ = ${gamma}. Dashed: the mean return of other policies. The first episodes to end are the short ones.`;
}

const LEVEL_COLORS = [3, 1, 2, 2] as const;

function follow(point: Point): void {
  returns.add(point.step, [point.return]);
  entropy.add(point.step, [point.entropy]);
  kl.add(point.step, [point.kl]);
  run.progress(point.step / steps);
  figures.step.textContent = point.step.toLocaleString('en');
  figures.return.textContent = point.return === null ? '–' : point.return.toFixed(1);
}

const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
