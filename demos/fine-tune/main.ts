// The page: a model and examples that the visitor gives, the worker that tunes, and what it reports.

import type { HuggingFaceSummary } from '../../src/llm/hugging_face_summary.ts';
import type { TrainProgress } from '../../src/llm/index.ts';
import { RunControls } from '../shared/controls.ts';
import { chosenFiles, type Dropped, droppedFiles } from '../shared/dropped_folder.ts';
import { fillForm } from '../shared/form.ts';
import { linePlot } from '../shared/line_plot.ts';
import { element, showError, showStatus, showUncaughtErrors } from '../shared/page.ts';
import { isOpen, type Phase } from '../shared/phases.ts';
import type { SavedAt } from '../shared/protocol.ts';
import { download, savedRuns } from '../shared/saved_runs.ts';
import { type PackedBlob, packTar } from '../shared/tar.ts';
import { clearAnswers, showAnswers, showCompared } from './answers.ts';
import type { Command, Report, Source } from './protocol.ts';
import { choicesFrom, DEFAULTS, OWN_LEARNING_RATE } from './settings.ts';

const LARGEST_DATA_MB = 64;

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const folderInput = element('folder', HTMLInputElement);
const filesInput = element('files', HTMLInputElement);
const dataInput = element('data', HTMLInputElement);
const asking = element('asking', HTMLFormElement);
const prompt = element('prompt', HTMLInputElement);
const askButton = element('ask', HTMLButtonElement);
const downloadButton = element('download', HTMLButtonElement);
const modelButton = element('download-model', HTMLButtonElement);
const modelLine = element('model', HTMLElement);
const countsLine = element('counts', HTMLElement);
const beforeRun = { model: modelLine.textContent, counts: countsLine.textContent };
const figures = Object.fromEntries(
  ['step', 'training-loss', 'validation-loss', 'speed', 'memory'].map((id) => [
    id,
    element(id, HTMLElement),
  ]),
) as Record<'step' | 'training-loss' | 'validation-loss' | 'speed' | 'memory', HTMLElement>;
const plot = linePlot(element('loss', HTMLElement), {
  x: 'step',
  y: 'nats per token of a completion',
  lines: [
    { label: 'batch', color: 0 },
    { label: 'held out', color: 1, points: true },
  ],
});

/** What the visitor gave; null: the tiny model. */
let model: Dropped | null = null;
/** What can be taken away: the adapter of the last run, and the tiny model. */
let adapter: readonly PackedBlob[] | null = null;
let tiny: readonly PackedBlob[] | null = null;

const saved = savedRuns(
  element('saved', HTMLElement),
  'fine-tune',
  'shadegrad generate --model MODEL --lora RUN --prompt TEXT',
  { mark: 'finetune.json', checkpoints: 'unfinished' },
);
const run = new RunControls<Command, Report>({
  ...{ form, saved, begin, clear, onAdapter, onReport, onPhase },
});

for (const input of [folderInput, filesInput])
  input.addEventListener('change', () => takeModel(chosenFiles(input)));
form.addEventListener('reset', () => {
  model = null;
  modelLine.textContent = beforeRun.model;
});
asking.addEventListener('submit', (event) => {
  event.preventDefault();
  if (canAsk(run.phase) && prompt.value !== '')
    run.ask({ type: 'answer', prompt: prompt.value }, 'Answering…');
});
downloadButton.addEventListener('click', () => {
  if (adapter) download(packTar(adapter), 'adapter.tar');
});
modelButton.addEventListener('click', () => {
  if (tiny) download(packTar(tiny), 'tiny-model.tar');
});
acceptDrops(document.body);

/** A file of examples, or a model, dropped anywhere. */
function acceptDrops(target: HTMLElement): void {
  const main = document.querySelector('main')!;
  const mark = (on: boolean) => main.classList.toggle('dropping', on);
  target.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  target.addEventListener('dragleave', () => mark(false));
  target.addEventListener('drop', async (event) => {
    event.preventDefault();
    mark(false);
    if (!event.dataTransfer) return;
    const dropped = await droppedFiles(event.dataTransfer);
    if (!dropped || !isOpen(run.phase)) return; // it may have been started meanwhile
    const examples = dropped.files.find(({ path }) => path.endsWith('.jsonl'));
    if (examples) takeExamples(examples.file);
    const others = dropped.files.filter((each) => each !== examples);
    if (others.length > 0) takeModel({ name: dropped.name, files: others });
  });
}

/** Into the field, which then shows its name. */
function takeExamples(file: File): void {
  const chosen = new DataTransfer();
  chosen.items.add(file);
  dataInput.files = chosen.files;
  showStatus(`Examples: ${file.name}.`);
}

function canAsk(phase: Phase): boolean {
  return phase === 'paused' || phase === 'ended';
}

function takeModel(given: Dropped | null): void {
  model = given;
  if (!given) {
    modelLine.textContent = beforeRun.model;
    return;
  }
  const rate = form.elements.namedItem('learningRate') as HTMLInputElement;
  if (rate.valueAsNumber === DEFAULTS.learningRate) rate.value = String(OWN_LEARNING_RATE);
  run.ask({ type: 'describe', model: given }, `Reading what ${given.name} is…`);
}

function onPhase(phase: Phase): void {
  askButton.ariaDisabled = String(!canAsk(phase));
  downloadButton.ariaDisabled = String(adapter === null);
}

function onAdapter(): void {
  fillForm(form, { ...DEFAULTS });
}

async function begin(where: SavedAt): Promise<Command | null> {
  // A saved run has its examples with it.
  const source = where.resume ? null : await chosenData();
  if (source === undefined) return null;
  return { type: 'start', model, data: source, choices: choicesFrom(form), ...where };
}

/** Null for the built-in questions; undefined, with the reason shown, for a file that cannot be used. */
async function chosenData(): Promise<Source | null | undefined> {
  const data = dataInput.files?.[0];
  if (!data) {
    if (!model) return null;
    showError('Choose examples for this model: a JSONL file with prompts and completions');
    return undefined;
  }
  const megabytes = data.size / 2 ** 20;
  if (megabytes > LARGEST_DATA_MB) {
    showError(
      `${data.name} has ${megabytes.toFixed(0)} MB; this page takes up to ${LARGEST_DATA_MB} MB of examples`,
    );
    return undefined;
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await data.arrayBuffer());
    return { name: data.name, text };
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is no text in UTF-8' : (error as Error).message;
    showError(`${data.name} cannot be read: ${reason}`);
    return undefined;
  }
}

function clear(): void {
  for (const figure of Object.values(figures)) figure.textContent = '–';
  countsLine.textContent = beforeRun.counts;
  clearAnswers();
  plot.setLevels([]);
  plot.reset();
  adapter = null;
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'model':
      showModel(report.name, report.summary);
      if (!isOpen(run.phase)) showStatus('Compiling kernels…');
      break;
    case 'making':
      showStatus('Making the tiny model…');
      run.progress(report.step / report.steps);
      break;
    case 'made':
      tiny = report.files;
      modelButton.ariaDisabled = 'false';
      break;
    case 'begun':
      onBegun(report);
      break;
    case 'progress':
      follow(report.progress, report.memory);
      break;
    case 'answers':
      showAnswers(report.when, report.answers);
      break;
    case 'compared':
      showCompared(report.prompt, report.before, report.after);
      break;
    case 'tuned':
      adapter = report.files;
  }
}

function showModel(name: string, { type, config, parameters, bytes, dtypes }: HuggingFaceSummary) {
  const n = (count: number) => count.toLocaleString('en');
  modelLine.textContent =
    `${name}: a ${type} with ${n(config.layers)} layers of width ${n(config.width)}, ${n(config.heads)} heads, ` +
    `a vocabulary of ${n(config.vocabularySize)} and a context of ${n(config.context)}; ` +
    `${n(parameters)} parameters in ${dtypes.join(', ')}, ${(bytes / 2 ** 20).toFixed(1)} MB.`;
}

function onBegun(begun: Extract<Report, { type: 'begun' }>): void {
  const { steps, first, trained, examples, heldOut, loss, before, settings } = begun;
  const n = (count: number) => count.toLocaleString('en');
  fillForm(form, { ...settings });
  countsLine.textContent =
    `${n(trained)} values are trained, on ${n(examples)} examples; ${n(heldOut)} are held out.` +
    `${first > 0 ? ` It goes on after step ${n(first)}.` : ''}`;
  plot.reset({ xRange: [0, steps] });
  if (loss !== null) plot.add(0, [null, loss]);
  for (const each of before) plot.add(each.step, [each.loss, each.validationLoss]);
  if (loss !== null) figures['validation-loss'].textContent = loss.toFixed(3);
}

function follow({ step, steps, losses, ...rest }: TrainProgress, memory: number): void {
  const { tokensPerSecond, evaluation } = rest;
  for (const [i, loss] of losses.entries()) {
    const at = step - losses.length + 1 + i;
    plot.add(at, [loss, at === step ? (evaluation?.loss ?? null) : null]);
  }
  figures.step.textContent = `${step} / ${steps}`;
  figures['training-loss'].textContent = losses.at(-1)!.toFixed(3);
  if (evaluation) figures['validation-loss'].textContent = evaluation.loss.toFixed(3);
  figures.speed.textContent = Math.round(tokensPerSecond).toLocaleString('en');
  figures.memory.textContent = `${(memory / 2 ** 20).toFixed(1)} MB`;
  run.progress(step / steps);
  if (step === steps) showStatus('Answering the prompts again…');
  else if (evaluation && run.phase === 'running')
    showStatus(`Step ${step}: held-out loss ${evaluation.loss.toFixed(3)}.`);
}
