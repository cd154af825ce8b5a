// The page: a form, the worker that trains, and what it reports, as curves, figures and text.

import type { TrainProgress, TrainSettings } from '../../src/llm/index.ts';
import {
  clearError,
  element,
  showError,
  showStatus,
  showUncaughtErrors,
  startWorker,
} from '../shared/page.ts';
import { clearFigures, pauseClock, showFacts, showProgress } from './figures.ts';
import { formatLoss, lossPlot } from './plot.ts';
import type { Activity, Command, Report, Source } from './protocol.ts';
import { clearSamples, showSample } from './samples.ts';
import { fillForm, presetFor, readForm } from './settings.ts';

/** What the page is doing; the buttons follow from it. */
type Phase = keyof typeof PHASES;

/** `go` is the first button's label, null where it stays; `can` lists the buttons that do something. */
const PHASES = {
  opening: { status: 'Looking for a GPU…', go: 'Start', can: [] },
  unavailable: { status: 'No training without WebGPU.', go: 'Start', can: [] },
  ready: { status: 'Ready.', go: 'Start', can: ['go', 'tune'] },
  tuning: { status: 'Measuring kernels…', go: null, can: ['reset'] },
  preparing: {
    status: 'Reading the text, compiling kernels…',
    go: 'Pause',
    can: ['stop', 'reset'],
  },
  running: { status: 'Training.', go: 'Pause', can: ['go', 'stop', 'reset'] },
  pausing: { status: 'Pausing after this step…', go: null, can: ['stop', 'reset'] },
  paused: { status: 'Paused.', go: 'Continue', can: ['go', 'stop', 'reset', 'write'] },
  stopping: { status: 'Stopping after this step…', go: null, can: ['reset'] },
  ended: { status: 'Done.', go: 'Start again', can: ['go', 'reset', 'write'] },
  writing: { status: 'Writing…', go: null, can: ['reset'] },
  failed: { status: 'Ended by an error.', go: 'Start again', can: ['go', 'reset'] },
} as const;

/** A character is a token here; a longer text only takes longer to read. */
const LARGEST_FILE_MB = 32;

const form = element('settings', HTMLFormElement);
const fields = element('fields', HTMLFieldSetElement);
const file = element('file', HTMLInputElement);
const writing = element('writing', HTMLFormElement);
const prompt = element('prompt', HTMLInputElement);
const buttons = {
  go: element('go', HTMLButtonElement),
  stop: element('stop', HTMLButtonElement),
  reset: element('reset', HTMLButtonElement),
  tune: element('tune', HTMLButtonElement),
  write: element('write', HTMLButtonElement),
};
const plot = lossPlot(element('plot', HTMLElement), {
  step: element('step-value', HTMLElement),
  training: element('training-value', HTMLElement),
  validation: element('validation-value', HTMLElement),
});

let phase: Phase = 'opening';
let afterWriting: Phase = 'ended';
/** Of this adapter, once it is known. */
let preset: TrainSettings | null = null;
/** A worker does one run. */
let used = false;
let worker = connect();

showUncaughtErrors();
enter('opening');
form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!can('go')) return;
  if (phase === 'running') tell({ type: 'pause' }, 'pausing');
  else if (phase === 'paused') tell({ type: 'resume' }, 'running');
  else start();
});
buttons.stop.addEventListener('click', () => {
  if (can('stop')) tell({ type: 'stop' }, 'stopping');
});
buttons.reset.addEventListener('click', () => {
  if (can('reset')) reset();
});
buttons.tune.addEventListener('click', () => {
  if (can('tune')) tell({ type: 'tune' }, 'tuning');
});
writing.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!can('write')) return;
  clearError();
  afterWriting = phase;
  tell({ type: 'write', prompt: prompt.value || '\n' }, 'writing');
});

function connect(): Worker {
  used = false;
  return startWorker<Report>(receive, (message) => {
    showError(message);
    enter('failed');
  });
}

function tell(command: Command, next: Phase): void {
  worker.postMessage(command);
  enter(next);
}

function can(action: keyof typeof buttons): boolean {
  return (PHASES[phase].can as readonly string[]).includes(action);
}

function enter(next: Phase, status: string = PHASES[next].status): void {
  phase = next;
  showStatus(status);
  buttons.go.textContent = PHASES[next].go ?? buttons.go.textContent;
  // A disabled button would lose the keyboard's focus; these only say that they do nothing now.
  for (const [name, button] of Object.entries(buttons)) {
    button.ariaDisabled = String(!can(name as keyof typeof buttons));
  }
  prompt.disabled = !can('write');
  fields.disabled = !['ready', 'ended', 'failed'].includes(next);
}

async function start(): Promise<void> {
  if (!preset) return;
  clearError();
  clearResults();
  enter('preparing');
  const settings = readForm(form, preset);
  plot.reset(settings.steps);
  if (used) {
    worker.terminate();
    worker = connect();
  }
  used = true;
  const text = await chosenText();
  if (text === undefined) enter('failed');
  else worker.postMessage({ type: 'start', text, settings } satisfies Command);
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

function reset(): void {
  worker.terminate();
  clearError();
  clearResults();
  form.reset();
  worker = connect();
  enter('opening');
}

function clearResults(): void {
  clearFigures();
  clearSamples();
}

function receive(message: Report): void {
  switch (message.type) {
    case 'adapter':
      showAdapter(message);
      break;
    case 'facts': {
      const { vocabulary, entropyFloor } = message.facts;
      plot.setBounds({ uniform: Math.log(vocabulary), floor: entropyFloor });
      showFacts(message.facts);
      break;
    }
    case 'progress':
      follow(message.progress);
      break;
    case 'paused':
      pauseClock();
      enter('paused');
      break;
    case 'tuning':
      showStatus(`Measuring kernels, ${message.done + 1} of ${message.total} shapes…`);
      break;
    case 'tuned':
      enter(
        'ready',
        `Measured: ${message.changed} of ${message.total} kernels changed. This browser remembers it.`,
      );
      break;
    case 'sample':
      showSample(message);
      if (phase === 'writing') enter(afterWriting);
      break;
    case 'done': {
      const how = message.stopped ? 'Stopped' : 'Done';
      enter('ended', `${how} after ${message.step.toLocaleString('en')} steps.`);
      break;
    }
    case 'error':
      showError(message.message);
      enter(afterError(message.during));
  }
}

function afterError(during: Activity): Phase {
  if (during === 'writing') return afterWriting;
  return during === 'opening' ? 'unavailable' : 'failed';
}

function showAdapter({ name, software, notice }: Extract<Report, { type: 'adapter' }>): void {
  element('adapter', HTMLElement).textContent = software ? `${name}, on the CPU` : name;
  element('notice', HTMLElement).textContent = notice;
  element('no-gpu', HTMLElement).hidden = notice === null;
  if (phase !== 'opening') return;
  preset = presetFor(software);
  fillForm(form, preset);
  plot.reset(preset.steps);
  enter('ready');
}

function follow(progress: TrainProgress): void {
  const { step, losses, evaluation } = progress;
  if (phase === 'preparing') enter('running');
  plot.addTraining(step, losses);
  if (evaluation) {
    plot.addValidation(step, evaluation.loss);
    const loss = formatLoss(evaluation.loss);
    if (phase === 'running') showStatus(`Step ${step}: validation loss ${loss}.`);
  }
  showProgress(progress);
}
