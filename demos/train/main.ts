// The page: a form, the worker that trains, and what it reports, as curves, figures and text.

import type { TrainSettings } from '../../src/llm/index.ts';
import { RunControls } from '../shared/controls.ts';
import { fillForm } from '../shared/form.ts';
import { linePlot } from '../shared/line_plot.ts';
import { element, showError, showStatus, showUncaughtErrors } from '../shared/page.ts';
import type { Phase } from '../shared/phases.ts';
import type { SavedAt } from '../shared/protocol.ts';
import { savedRuns } from '../shared/saved_runs.ts';
import { textList } from '../shared/texts.ts';
import { clearFigures, formatLoss, pauseClock, showFacts, showProgress } from './figures.ts';
import { beginLooking, clearLooking, onText, showLooked, showUnlooked } from './looking.ts';
import { addMerges, clearMerges } from './merges.ts';
import { describeSampling, resetSampling, sampling } from './next_token.ts';
import type { Command, Facts, Point, Report, Source } from './protocol.ts';
import { fieldsOf, presetFor, settingsFrom } from './settings.ts';

/** A longer text only takes longer to read. */
const LARGEST_FILE_MB = 32;

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const file = element('file', HTMLInputElement);
const vocabularyField = element('vocabulary-field', HTMLElement);
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
/** Of the run. */
let settings: TrainSettings | null = null;
const saved = savedRuns(
  element('saved', HTMLElement),
  'train',
  'shadegrad generate --model RUN --prompt TEXT, or shadegrad train --resume --out RUN',
);
const run = new RunControls<Command, Report>({
  ...{ form, saved, begin, clear, onAdapter, onReport, onPhase },
});

form.addEventListener('change', followTokens);
form.addEventListener('reset', resetSampling);
tuneButton.addEventListener('click', () => {
  if (run.phase === 'ready') run.ask({ type: 'tune' }, 'Measuring kernels…');
});
writing.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!canWrite(run.phase)) return;
  run.ask({ type: 'write', prompt: prompt.value || '\n', sampling: sampling() }, 'Writing…');
});
onText((text) => run.tell({ type: 'look', text }));

function canWrite(phase: Phase): boolean {
  return phase === 'paused' || phase === 'ended';
}

function onPhase(phase: Phase): void {
  tuneButton.ariaDisabled = String(phase !== 'ready');
  writeButton.ariaDisabled = String(!canWrite(phase));
  if (phase === 'paused') pauseClock();
}

function onAdapter({ software }: { software: boolean }): void {
  preset = presetFor(software);
  fillForm(form, fieldsOf(preset));
  queueMicrotask(followTokens); // a link may have changed it by then
}

function followTokens(): void {
  vocabularyField.hidden = element('tokens-of', HTMLSelectElement).value !== 'bpe';
}

async function begin(where: SavedAt): Promise<Command | null> {
  const text = await chosenText();
  if (text === undefined) return null;
  return { type: 'start', text, settings: settingsFrom(form, preset!), ...where };
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
  clearMerges();
  clearLooking();
  samples.clear();
  plot.setLevels([]);
  plot.reset();
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'facts':
      onFacts(report.facts);
      break;
    case 'merges':
      addMerges(report.merges);
      break;
    case 'progress':
      follow(report);
      break;
    case 'tuning':
      showStatus(`Measuring kernels, ${report.done + 1} of ${report.total} shapes…`);
      break;
    case 'sample': {
      const after = `After ${report.step.toLocaleString('en')} steps`;
      const heading = `${after}, ${describeSampling(report.sampling)}`;
      samples.show({ heading, prompt: report.prompt, text: report.text });
      break;
    }
    case 'looked':
      showLooked(report.looked);
      break;
    case 'unlooked':
      showUnlooked(report.reason);
  }
}

function onFacts(facts: Facts): void {
  const { vocabulary, entropyFloor, unit, before } = facts;
  settings = facts.settings;
  fillForm(form, fieldsOf(settings));
  followTokens();
  const yRange = [0, Math.log(vocabulary.length)] as const;
  plot.reset({ y: `nats per ${unit}`, xRange: [0, settings.steps], yRange });
  if (entropyFloor !== null)
    plot.setLevels([{ label: 'entropy of the stories', value: entropyFloor, color: 2 }]);
  plotLosses(before);
  showFacts(facts);
  run.tell({ type: 'look', text: beginLooking(facts) });
}

function plotLosses(points: readonly Point[]): void {
  for (const { step, loss, mean, validationLoss } of points)
    plot.add(step, [loss, mean, validationLoss]);
}

function follow(report: Extract<Report, { type: 'progress' }>): void {
  const { step, evaluation } = report.progress;
  plotLosses(report.points);
  if (evaluation && run.phase === 'running')
    showStatus(`Step ${step}: validation loss ${formatLoss(evaluation.loss)}.`);
  run.progress(step / settings!.steps);
  showProgress(report, settings!.batch * settings!.context);
}
