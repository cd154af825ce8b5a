// The page: what the worker reports of the story's stages, and what the visitor chooses.

import { RunControls } from '../shared/controls.ts';
import { fillForm } from '../shared/form.ts';
import { linePlot } from '../shared/line_plot.ts';
import { element, showStatus, showUncaughtErrors } from '../shared/page.ts';
import type { Phase } from '../shared/phases.ts';
import type { SavedAt } from '../shared/protocol.ts';
import { download, savedRuns } from '../shared/saved_runs.ts';
import { headedText } from '../shared/texts.ts';
import { choosing } from './choosing.ts';
import { beginMove, clearMoves, showMove } from './moves.ts';
import type { Command, Report } from './protocol.ts';
import { defaultsFor, settingsFrom } from './settings.ts';

/** Fewer say next to nothing. */
const FEWEST_LABELS = 4;

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const beta = element('beta', HTMLInputElement);
const betaValue = element('beta-value', HTMLOutputElement);
const simulateButton = element('simulate', HTMLButtonElement);
const downloadButton = element('download', HTMLButtonElement);
const samples = element('samples', HTMLElement);
const figures = {
  step: element('step', HTMLElement),
  loss: element('writer-loss', HTMLElement),
  labels: element('labels', HTMLElement),
  known: element('known', HTMLElement),
  accuracy: element('accuracy', HTMLElement),
  ceiling: element('ceiling', HTMLElement),
};

const writing = linePlot(element('writing', HTMLElement), {
  x: 'step',
  y: 'nats per token',
  lines: [{ label: 'loss', color: 0 }],
});
const learning = linePlot(element('learning', HTMLElement), {
  x: 'step',
  y: 'share of held-out pairs',
  lines: [{ label: 'agreed with', color: 0, points: true }],
  yRange: [0.4, 1],
});

let small = false;
/** As lines of a file. */
let lines: string[] = [];
/** Labels that the reward model has learned from; 0: there is none. */
let learnedFrom = 0;

const saved = savedRuns(
  element('saved', HTMLElement),
  'rlhf',
  'shadegrad rlhf --model RUN/writer --task stories --reward RUN/reward',
  { mark: 'config.json', checkpoints: 'writer' },
);
const choices = choosing((label) => run.ask({ type: 'choose', label }, 'The next pair…'));
const run = new RunControls<Command, Report>({
  ...{ form, saved, begin, next, clear, onAdapter, onReport, onPhase },
});
choices.open = false;

simulateButton.addEventListener('click', () => {
  if (canLabel(run.phase) && form.reportValidity()) run.go(simulation());
});
downloadButton.addEventListener('click', () => {
  if (lines.length > 0)
    download(new Blob([`${lines.join('\n')}\n`], { type: 'application/jsonl' }), 'labels.jsonl');
});
form.addEventListener('input', showBeta);

function onAdapter({ software }: { software: boolean }): void {
  small = software;
  fillForm(form, defaultsFor(software));
  queueMicrotask(showBeta); // a link's values come after the defaults
}

function showBeta(): void {
  betaValue.textContent = beta.value;
}

function begin(where: SavedAt): Command {
  const { story } = settingsFrom(form);
  writing.reset({ xRange: [0, story.baseSteps] });
  return { type: 'start', settings: { ...story, small }, ...where };
}

function simulation(): Command {
  const { labels, taste } = settingsFrom(form);
  return { type: 'simulate', count: labels, taste };
}

/** The story's next stage, for the bar's first button. */
function next() {
  const { labels, taste, move } = settingsFrom(form);
  if (lines.length < FEWEST_LABELS)
    return { label: `Simulate ${labels} labels`, command: simulation() };
  if (lines.length > learnedFrom) {
    const label = `Learn from ${lines.length} labels`;
    return { label, command: { type: 'learn', taste } satisfies Command };
  }
  const command = { type: 'move', settings: move } satisfies Command;
  return { label: `PPO with β = ${move.beta}`, command };
}

function canLabel(phase: Phase): boolean {
  return phase === 'ended';
}

function onPhase(phase: Phase): void {
  choices.open = canLabel(phase);
  simulateButton.ariaDisabled = String(!canLabel(phase));
  downloadButton.ariaDisabled = String(lines.length === 0);
}

function clear(): void {
  [lines, learnedFrom] = [[], 0];
  choices.clear();
  for (const figure of Object.values(figures)) figure.textContent = '–';
  figures.labels.textContent = '0';
  learning.setLevels([]);
  for (const plot of [writing, learning]) plot.reset();
  clearMoves();
  samples.replaceChildren();
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'writing': {
      const { step, steps, losses } = report;
      for (const [i, loss] of losses.entries()) writing.add(step - losses.length + 1 + i, [loss]);
      figures.loss.textContent = losses.at(-1)!.toFixed(3);
      progress('the writer learns', step, steps);
      break;
    }
    case 'writer': {
      const { kept, settings, parameters } = report;
      fillForm(form, { ...settings });
      const size = `${parameters.toLocaleString('en')} parameters`;
      const how = kept ? 'of an earlier visit' : 'now trained';
      showStatus(`The writer, ${how}, has ${size}. It writes the first stories…`);
      break;
    }
    case 'pair':
      choices.show(report.pair, null);
      break;
    case 'label':
      lines.push(report.line);
      figures.labels.textContent = String(lines.length);
      if (report.pair) choices.show(report.pair, report.label);
      break;
    case 'learning': {
      const { step, steps, accuracy } = report;
      if (accuracy !== null) learning.add(step, [accuracy]);
      progress('the reward model learns', step, steps);
      break;
    }
    case 'learned': {
      const { labels, known, accuracy, ceiling } = report.learned;
      learnedFrom = labels;
      figures.known.textContent = percent(known);
      figures.accuracy.textContent = percent(accuracy);
      figures.ceiling.textContent = percent(ceiling);
      learning.setLevels([{ label: 'ceiling', value: ceiling, color: 2 }]);
      break;
    }
    case 'move':
      beginMove(report.settings);
      break;
    case 'moved':
      showMove(report.point);
      progress('PPO', report.point.step, report.steps);
      break;
    case 'samples':
      showSamples(report);
  }
}

/** A screen reader speaks the status when it changes: that is what goes on, and not how far it is. */
function progress(what: string, step: number, steps: number): void {
  run.progress(step / steps);
  figures.step.textContent = `${step} / ${steps}`;
  if (run.phase === 'running') showStatus(`Running: ${what}.`);
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

function showSamples({ step, samples: shown }: Extract<Report, { type: 'samples' }>): void {
  const items = shown.map(({ prompt, before, after }) => {
    const item = document.createElement('li');
    const texts = [
      { heading: 'Before', text: before },
      { heading: `After ${step} rollouts`, text: after },
    ];
    item.append(
      ...texts.map((each) => {
        const part = document.createElement('div');
        part.append(...headedText({ ...each, prompt }));
        return part;
      }),
    );
    return item;
  });
  samples.replaceChildren(...items);
}
