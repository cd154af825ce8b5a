// The training itself, off the page's thread: the same `trainLanguageModel` that the command calls.

import { Device } from '../../src/index.ts';
import {
  decodeText,
  drawSamples,
  sampleText,
  type TrainOptions,
  type TrainProgress,
  type TrainState,
  trainLanguageModel,
} from '../../src/llm/index.ts';
import type { Activity, Command, Facts, Report, Source } from './protocol.ts';

const report = (message: Report) => postMessage(message);
const device = openDevice();

const stop = new AbortController();
let pause: Pause | null = null;
/** The model as it is; null until the first step. */
let state: TrainState | null = null;
let step = 0;
let written = 0;

interface Pause {
  readonly over: Promise<void>;
  end(): void;
}

addEventListener('message', ({ data }: MessageEvent<Command>) => obey(data));

function obey(command: Command): void {
  switch (command.type) {
    case 'start':
      attempt('training', () => train(command.text, command.settings));
      break;
    case 'pause':
      pause ??= newPause();
      break;
    case 'stop':
      stop.abort();
      resume();
      break;
    case 'resume':
      resume();
      break;
    case 'tune':
      attempt('tuning', tuneKernels);
      break;
    case 'write':
      attempt('writing', () => write(command.prompt));
  }
}

function newPause(): Pause {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { over, end };
}

function resume(): void {
  pause?.end();
  pause = null;
}

async function attempt(during: Activity, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    report({ type: 'error', during, message: (error as Error).message });
  }
}

/** Null, with the reason reported, when the browser gives no GPU. */
async function openDevice(): Promise<Device | null> {
  let opened: Device | null = null;
  await attempt('opening', async () => {
    opened = await Device.open({ announce: null });
    const { name, vendor, software, notice = null } = opened.adapter;
    const full = name.toLowerCase().includes(vendor.toLowerCase()) ? name : `${vendor} ${name}`;
    report({ type: 'adapter', name: full, software, notice });
  });
  return opened;
}

async function train(source: Source | null, settings: TrainOptions['settings']): Promise<void> {
  const opened = await device;
  if (!opened) return;
  const text = source && {
    name: source.name,
    content: decodeText(new Uint8Array(source.bytes), source.name),
  };
  const result = await trainLanguageModel(opened, {
    text,
    settings: { ...settings, samples: 0 }, // they are drawn as it goes
    signal: stop.signal,
    onStart: (begun) => {
      state = begun;
      report({ type: 'facts', facts: factsOf(begun) });
    },
    onProgress: (progress, now) => follow(opened, progress, now),
  });
  report({ type: 'done', stopped: result.stopped, step: result.steps, seconds: result.seconds });
}

/** What `shadegrad tune` does; the device keeps to it, and so do later visits. */
async function tuneKernels(): Promise<void> {
  const opened = await device;
  if (!opened) return;
  const { tune } = await import('../../bench/tune.ts'); // few visitors need it
  const { classes } = await tune(opened, {
    onProgress: ({ done, total }) => report({ type: 'tuning', done, total }),
  });
  const changed = classes.filter(({ shipped, chosen }) => shipped !== chosen).length;
  report({ type: 'tuned', changed, total: classes.length });
}

/** Reports to the page, draws a sample after each evaluation, and waits while the visitor pauses. */
async function follow(device: Device, progress: TrainProgress, now: TrainState): Promise<void> {
  step = progress.step;
  report({ type: 'progress', progress });
  if (progress.evaluation) {
    for (const text of await drawSamples(device, now, 1)) {
      report({ type: 'sample', step, prompt: '', text });
    }
  }
  if (pause && !stop.signal.aborted) {
    report({ type: 'paused' });
    await pause.over;
  }
}

function factsOf({ model, data }: TrainState): Facts {
  return {
    source: data.name,
    parameters: model.parameterCount,
    vocabulary: data.tokenizer.vocabularySize,
    trained: data.train.length,
    heldOut: data.validation.length,
    entropyFloor: data.entropyFloor,
  };
}

async function write(prompt: string): Promise<void> {
  const opened = await device;
  if (!opened || !state) return;
  const { model, data, settings } = state;
  const { sampleCharacters: tokens, temperature, seed } = settings;
  const stream = ++written; // another continuation each time; stream 0 is that of the training's samples
  const at = step;
  const options = { prompt, tokens, temperature, seed, stream };
  const text = await sampleText(opened, model, data.tokenizer, options);
  report({ type: 'sample', step: at, prompt, text });
}
