// The training itself, off the page's thread: the same `trainLanguageModel` that the command calls.

import { type Device, DeviceLostError } from '../../src/index.ts';
import { tokenUnit } from '../../src/llm/data.ts';
import {
  drawSamples,
  lookInto,
  type Merge,
  sampleText,
  type TrainState,
  textUnits,
  trainLanguageModel,
} from '../../src/llm/index.ts';
import { type Engine, heldBytes, serve } from '../shared/engine.ts';
import { movingMean, type SavedLoss, thinned } from '../shared/saved_losses.ts';
import { savingTo } from '../shared/saving.ts';
import { shownToken } from '../shared/tokens.ts';
import { tuneKernels } from '../shared/tuning.ts';
import type { Command, Facts, Point, Report, Sampling } from './protocol.ts';
import { newRun, savedRun } from './saved_text.ts';

/** Tokens of a text that are looked into, its last: as many rows as a picture can show. */
const LOOKED = 32;
/** Work that a lost GPU, or a closed tab, may cost. */
const CHECKPOINT_SECONDS = 8;
const MERGES_AT_ONCE = 32;
/** Part of a run whose mean is drawn. */
const SMOOTHED = 1 / 50;

/** The model as it is; null until the first step. */
let state: TrainState | null = null;
let step = 0;
let written = 0;
let watched = '';

serve<Command, Report>((command, device, engine) => {
  switch (command.type) {
    case 'start':
      return train(device, engine, command);
    case 'tune':
      return tuneAll(device, engine);
    case 'write':
      return write(device, engine, command);
    case 'look':
      watched = command.text;
      return look(device, engine);
  }
});

async function train(
  device: Device,
  engine: Engine<Report>,
  { text, settings, folder, resume }: Extract<Command, { type: 'start' }>,
): Promise<string> {
  const { report, note, signal, turn } = engine;
  const kept = await savingTo(folder, note);
  const saved = resume && kept ? await savedRun(kept, text) : null;
  const run = saved ?? (await newRun(kept, text, settings));
  const { onMerge, flush } = mergesTo(engine);
  let pointOf: (loss: SavedLoss) => Point;
  const result = await trainLanguageModel(device, {
    text: run.text,
    tokenizer: run.tokenizer,
    // Samples are drawn as it goes.
    settings: { ...run.settings, samples: 0, checkpointSeconds: CHECKPOINT_SECONDS },
    folder: kept,
    resume: run.resume,
    onNote: note,
    signal,
    onMerge,
    onStart(begun, first) {
      [state, step] = [begun, first];
      flush();
      pointOf = pointsOf(begun.settings.steps);
      const before = thinned(run.before.filter(({ step }) => step <= first).map(pointOf));
      report({ type: 'facts', facts: { ...factsOf(begun), first, before } });
    },
    async onProgress(progress, now) {
      step = progress.step;
      const { evaluation, losses } = progress;
      const points = losses.map((loss, i) => {
        const at = step - losses.length + 1 + i;
        return pointOf({
          step: at,
          loss,
          validationLoss: at === step ? (evaluation?.loss ?? null) : null,
        });
      });
      const bitsPerByte = evaluation
        ? (textUnits(evaluation.loss, now)?.bitsPerByte ?? null)
        : null;
      report({ type: 'progress', progress, points, bitsPerByte, memory: heldBytes(device) });
      if (evaluation) {
        const { temperature } = now.settings;
        const [sample] = await drawSamples(device, now, 1);
        const sampling = { temperature, topK: null, topP: 1 };
        report({ type: 'sample', step, prompt: '', text: sample ?? '', sampling });
        await look(device, engine);
      }
      await turn();
    },
  });
  await look(device, engine);
  const how = result.stopped ? 'Stopped' : 'Done';
  return `${how} after ${result.steps.toLocaleString('en')} steps.`;
}

/** Tells merges in small groups, while the trainer of the tokenizer goes on. */
function mergesTo({ report }: Engine<Report>) {
  let merges: Merge[] = [];
  const flush = () => {
    if (merges.length > 0) report({ type: 'merges', merges });
    merges = [];
  };
  const onMerge = (merge: Merge) => {
    merges.push(merge);
    if (merges.length === MERGES_AT_ONCE) flush();
  };
  return { onMerge, flush };
}

/** Of a run of so many steps, one after another. */
function pointsOf(steps: number): (loss: SavedLoss) => Point {
  const mean = movingMean(Math.max(1, Math.round(steps * SMOOTHED)));
  return (each) => ({ ...each, mean: mean(each.loss) });
}

function factsOf({ model, data, settings }: TrainState): Omit<Facts, 'first' | 'before'> {
  const { tokenizer, train, validation, content } = data;
  const ids = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id);
  return {
    source: data.name,
    parameters: model.parameterCount,
    vocabulary: ids.map((id) => shownToken(tokenizer.bytesOf(id))),
    unit: tokenUnit(data),
    charactersPerToken: data.charactersPerToken,
    trained: train.length,
    heldOut: validation.length,
    entropyFloor: data.entropyFloor,
    beginning: data.files.length > 0 ? (/\S.{0,30}/.exec(content)?.[0] ?? null) : null,
    layers: model.config.layers,
    heads: model.config.heads,
    settings,
  };
}

/** For all shapes that the tuner knows. */
async function tuneAll(device: Device, { report }: Engine<Report>): Promise<string> {
  const { status } = await tuneKernels(device, {
    onProgress: ({ done, total }) => report({ type: 'tuning', done, total }),
  });
  return status;
}

async function write(
  device: Device,
  { report }: Engine<Report>,
  { prompt, sampling }: { prompt: string; sampling: Sampling },
): Promise<string> {
  if (!state) return 'There is no model yet.';
  const { model, data, settings } = state;
  const { temperature, topK, topP } = sampling;
  const text = await sampleText(device, model, data.tokenizer, {
    prompt,
    tokens: Math.ceil(settings.sampleCharacters / data.charactersPerToken),
    ...{ temperature, topP, ...(topK !== null && { topK }) },
    seed: settings.seed,
    stream: ++written, // another continuation each time; stream 0 is that of the training's samples
  });
  report({ type: 'sample', step, prompt, text, sampling });
  return 'Written.';
}

async function look(device: Device, { report }: Engine<Report>): Promise<null> {
  if (!state || watched === '') return null;
  const { model, data } = state;
  try {
    const all = data.tokenizer.encode(watched, { specials: 'text' });
    const ids = all.slice(-Math.min(LOOKED, model.config.context));
    report({
      type: 'looked',
      looked: { step, ids: [...ids], ...(await lookInto(device, model, ids)) },
    });
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    report({ type: 'unlooked', reason: (error as Error).message });
  }
  return null;
}
