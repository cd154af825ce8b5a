// The page: a form, the worker that trains, and what it reports, as curves, figures and text.

import type { TrainProgress, TrainSettings } from '../../src/llm/index.ts';
import { type Phase, runControls } from '../shared/controls.ts';
import { fillForm } from '../shared/form.ts';
import { linePlot } from '../shared/line_plot.ts';
import { element, showError, showStatus, showUncaughtErrors } from '../shared/page.ts';
import type { SavedAt } from '../shared/protocol.ts';
import { savedRuns } from '../shared/saved_runs.ts';
import { textList } from '../shared/texts.ts';
import { clearFigures, formatLoss, pauseClock, showFacts, showProgress } from './figures.ts';
import type { Command, Report, Source } from './protocol.ts';
import { presetFor, settingsFrom } from './settings.ts';

/** A character is a token here; a longer text only takes longer to read. */
const LARGEST_FILE_MB = 32;

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const file = element('file', HTMLInputElement);
const writing = element('writing', HTMLFormElement);
const prompt = element('prompt', HTMLInputElement);
const tuneButton = element('tune', HTMLButtonElement);
const writeButton = element('write', HTMLButtonElement);
const samples = textList(element('samples', HTMLElement), element('no-samples', HTMLElement));
const plot = linePlot(element('loss', HTMLElement), {
  x: 'step',
  y: 'nats per character',
  lines: [
    { label: 'batch', color: 0, faint: true },
    { label: 'training', color: 0 },
    { label: 'validation', color: 1, points: true },
  ],
});

/** Of this adapter, once it is known. */
let preset: TrainSettings | null = null;
let recent: number[] = [];
let steps = 0;
const saved = savedRuns(element('saved', HTMLElement), 'train', 'shadegrad generate RUN');
const run = runControls<Command, Report>({
  ...{ form, saved, begin, clear, onAdapter, onReport, onPhase },
});

tuneButton.addEventListener('click', () => {
  if (run.phase === 'ready') run.ask({ type: 'tune' }, 'Measuring kernels…');
});
writing.addEventListener('submit', (event) => {
  event.preventDefault();
  if (canWrite(run.phase)) run.ask({ type: 'write', prompt: prompt.value || '\n' }, 'Writing…');
});

function canWrite(phase: Phase): boolean {
  return phase === 'paused' || phase === 'ended';
}

function onPhase(phase: Phase): void {
  tuneButton.ariaDisabled = String(phase !== 'ready');
  writeButton.ariaDisabled = String(!canWrite(phase));
  prompt.disabled = !canWrite(phase);
  if (phase === 'paused') pauseClock();
}

function onAdapter({ software }: { software: boolean }): void {
  preset = presetFor(software);
  fillForm(form, { ...preset });
}

async function begin(where: SavedAt): Promise<Command | null> {
  const settings = settingsFrom(form, preset!);
  steps = settings.steps;
  plot.reset({ xRange: [0, steps], yRange: [0, 4] });
  const text = await chosenText();
  return text === undefined ? null : { type: 'start', text, settings, ...where };
}

/** Null for the built-in stories; undefined, with the reason shown, for a file that cannot be used. */
async function chosenText(): Promise<Source | null | undefined> {
  const chosen = file.files?.[0];
  if (!chosen) return null;
  const megabytes = chosen.size / 2 ** 20;
  if (megabytes > LARGEST_FILE_MB) {
    showError(
      `${chosen.name} has ${megabytes.toFixed(0)} MB; this page takes up to ${LARGEST_FILE_MB} MB`,
    );
    return undefined;
  }
  try {
    return { name: chosen.name, bytes: await chosen.arrayBuffer() };
  } catch (error) {
    showError(`${chosen.name} cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}

function clear(): void {
  clearFigures();
  samples.clear();
  plot.setLevels([]);
  plot.reset();
  recent = [];
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'facts': {
      const { vocabulary, entropyFloor } = report.facts;
      plot.reset({ yRange: [0, Math.log(vocabulary)] });
      if (entropyFloor !== null)
        plot.setLevels([{ label: 'entropy of the stories', value: entropyFloor, color: 2 }]);
      showFacts(report.facts);
      break;
    }
    case 'progress':
      follow(report.progress);
      break;
    case 'tuning':
      showStatus(`Measuring kernels, ${report.done + 1} of ${report.total} shapes…`);
      break;
    case 'sample': {
      const heading = `After ${report.step.toLocaleString('en')} steps`;
      samples.show({ heading, prompt: report.prompt, text: report.text });
    }
  }
}

function follow(progress: TrainProgress): void {
  const { step, losses, evaluation } = progress;
  for (const [i, loss] of losses.entries()) {
    recent = [...recent, loss].slice(-Math.max(1, Math.round(steps / 50)));
    const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
    plot.add(step - losses.length + 1 + i, [loss, mean, null]);
  }
  if (evaluation) {
    plot.add(step, [null, null, evaluation.loss]);
    if (run.phase === 'running')
      showStatus(`Step ${step}: validation loss ${formatLoss(evaluation.loss)}.`);
  }
  run.progress(step / steps);
  showProgress(progress);
}
