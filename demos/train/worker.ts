// The training itself, off the page's thread: the same `trainLanguageModel` that the command calls.

import type { Device } from '../../src/index.ts';
import {
  decodeText,
  drawSamples,
  sampleText,
  type TrainState,
  trainLanguageModel,
} from '../../src/llm/index.ts';
import { type Engine, serve } from '../shared/engine.ts';
import { savingTo } from '../shared/saving.ts';
import type { Command, Facts, Report } from './protocol.ts';

/** The model as it is; null until the first step. */
let state: TrainState | null = null;
let step = 0;
let written = 0;

serve<Command, Report>((command, device, engine) => {
  switch (command.type) {
    case 'start':
      return train(device, engine, command);
    case 'tune':
      return tuneKernels(device, engine);
    case 'write':
      return write(device, engine, command.prompt);
  }
});

async function train(
  device: Device,
  { report, note, signal, turn }: Engine<Report>,
  { text, settings, folder, resume }: Extract<Command, { type: 'start' }>,
): Promise<string> {
  const result = await trainLanguageModel(device, {
    text: text && { name: text.name, content: decodeText(new Uint8Array(text.bytes), text.name) },
    settings: { ...settings, samples: 0 }, // they are drawn as it goes
    folder: await savingTo(folder, note),
    resume,
    onNote: note,
    signal,
    onStart(begun) {
      state = begun;
      report({ type: 'facts', facts: factsOf(begun) });
    },
    async onProgress(progress, now) {
      step = progress.step;
      report({ type: 'progress', progress });
      if (progress.evaluation) {
        const [sample] = await drawSamples(device, now, 1);
        report({ type: 'sample', step, prompt: '', text: sample! });
      }
      await turn();
    },
  });
  const how = result.stopped ? 'Stopped' : 'Done';
  return `${how} after ${result.steps.toLocaleString('en')} steps.`;
}

/** What `shadegrad tune` does; the device keeps to it, and so do later visits. */
async function tuneKernels(device: Device, { report }: Engine<Report>): Promise<string> {
  const { tune } = await import('../../bench/tune.ts'); // few visitors need it
  const { classes } = await tune(device, {
    onProgress: ({ done, total }) => report({ type: 'tuning', done, total }),
  });
  const changed = classes.filter(({ shipped, chosen }) => shipped !== chosen).length;
  return `Measured: ${changed} of ${classes.length} kernels changed. This browser remembers it.`;
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

async function write(device: Device, { report }: Engine<Report>, prompt: string): Promise<string> {
  if (!state) return 'There is no model yet.';
  const { model, data, settings } = state;
  const { sampleCharacters: tokens, temperature, seed } = settings;
  const stream = ++written; // another continuation each time; stream 0 is that of the training's samples
  const at = step;
  const options = { prompt, tokens, temperature, seed, stream };
  const text = await sampleText(device, model, data.tokenizer, options);
  report({ type: 'sample', step: at, prompt, text });
  return 'Written.';
}
