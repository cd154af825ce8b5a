// Fine-tuning off the page's thread: what `shadegrad finetune` does, on files that the visitor gave.

import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { ADAPTER } from '../../src/llm/finetune.ts';
import { readFinetuneDescription } from '../../src/llm/finetune_description.ts';
import { saveTuned } from '../../src/llm/finetune_run.ts';
import {
  describeHuggingFace,
  type Example,
  type FinetuneBase,
  finetune,
  generateText,
  holdOut,
  openFinetuneBase,
  openFinetuneRun,
  readExamples,
  setAdapter,
  whereQuestions,
} from '../../src/llm/index.ts';
import { type ChatTemplateName, chatPrompt } from '../../src/text/chat_template.ts';
import { type Dropped, droppedFolder } from '../shared/dropped_folder.ts';
import { type Engine, heldBytes, serve } from '../shared/engine.ts';
import { memoryFolder } from '../shared/memory_folder.ts';
import { savedLosses, thinned } from '../shared/saved_losses.ts';
import { savingTo } from '../shared/saving.ts';
import type { PackedBlob } from '../shared/tar.ts';
import type { Answer, Command, Report, Source } from './protocol.ts';
import { settingsOf } from './settings.ts';
import { QUESTION_SEED, TINY_MODEL, tinyModel } from './tiny_model.ts';

const QUESTIONS = 240;
const DATA_FILE = 'data.jsonl';
/** Held-out prompts that are answered before and after, and tokens of an answer at most. */
const SHOWN = 4;
const ANSWER_TOKENS = 48;
const TEMPERATURE = 0.7;

interface Tuned {
  readonly base: FinetuneBase;
  readonly seed: number;
  /** Where an answer ends. */
  readonly end: number;
  /** The template of conversations; null for data of prompts and completions. */
  readonly template: ChatTemplateName | null;
}
let tuned: Tuned | null = null;

serve<Command, Report>((command, device, engine) => {
  switch (command.type) {
    case 'describe':
      return describe(engine, command.model);
    case 'start':
      return tune(device, engine, command);
    case 'answer':
      return compare(device, engine, command.prompt);
  }
});

async function describe({ report }: Engine<Report>, model: Dropped): Promise<string> {
  const folder = droppedFolder(model);
  report({ type: 'model', name: folder.location, summary: await describeHuggingFace(folder) });
  return 'Ready.';
}

async function tune(
  device: Device,
  engine: Engine<Report>,
  { model: given, data: source, choices, folder, resume }: Extract<Command, { type: 'start' }>,
): Promise<string> {
  const { report, note, signal, turn } = engine;
  const kept = await savingTo(folder, note);
  const saved = resume && kept ? await readFinetuneDescription(kept) : null;
  const name = given?.name ?? TINY_MODEL;
  if (saved && saved.base !== name)
    throw new Error(
      `This run tunes ${saved.base}, and ${name} is chosen: choose the model of the run, then continue`,
    );
  const model = given ? droppedFolder(given) : await makeTiny(device, engine);
  if (!model) return 'Stopped before there was a model.';
  const summary = await describeHuggingFace(model);
  report({ type: 'model', name, summary });
  const settings = { ...settingsOf(choices, summary.type), ...saved?.settings };
  const data = saved ? await savedData(kept!, saved.data) : (source ?? questions());
  await kept?.write(DATA_FILE, new TextEncoder().encode(data.text));

  const base = await openFinetuneBase(device, model, settings);
  const { template } = settings;
  const { context } = summary.config;
  const { tokenizer } = base;
  const examples = readExamples(data.text, data.name, { tokenizer, template, context });
  const parts = holdOut(examples, settings.validation);
  const places = { base: name, data: data.name, dataFile: DATA_FILE, text: data.text };
  const run =
    kept &&
    (await openFinetuneRun(kept, base, { device, settings, ...places, resume, onNote: note }));
  const [line] = data.text.trimStart().split('\n', 1);
  const chat = 'messages' in JSON.parse(line!);
  const { seed } = settings;
  tuned = { base, seed, end: examples[0]!.ids.at(-1)!, template: chat ? template : null };
  const shown = (parts.heldOut.length > 0 ? parts.heldOut : parts.train).slice(0, SHOWN);
  report({ type: 'answers', when: 'before', answers: await answers(device, tuned, shown, null) });
  const logged = resume && kept ? await savedLosses(kept) : [];

  const result = await finetune(device, base.model, parts, {
    settings,
    ...(run && { run }),
    signal,
    onStart({ steps, first, trained, evaluation }) {
      const counts = { examples: parts.train.length, heldOut: parts.heldOut.length };
      const loss = evaluation?.loss ?? null;
      const before = thinned(logged.filter(({ step }) => step <= first));
      report({ type: 'begun', steps, first, trained, ...counts, loss, before, settings });
    },
    async onProgress(progress) {
      report({ type: 'progress', progress, memory: heldBytes(device) });
      await turn();
    },
  });
  report({ type: 'answers', when: 'after', answers: await answers(device, tuned, shown, ADAPTER) });
  await run?.finish(result);
  // Whether the browser keeps the run or not.
  const adapter = memoryFolder('the adapter');
  await saveTuned(adapter, base, { kind: 'lora', step: result.step, baseModel: name });
  report({ type: 'tuned', files: await filesOf(adapter) });
  return `${result.stopped ? 'Stopped' : 'Done'} after ${result.step.toLocaleString('en')} steps.`;
}

async function makeTiny(
  device: Device,
  { report, note, signal, turn }: Engine<Report>,
): Promise<Folder | null> {
  const folder = await tinyModel(device, {
    signal,
    onNote: note,
    onStep(step, steps) {
      report({ type: 'making', step, steps });
      return turn();
    },
  });
  if (folder) report({ type: 'made', files: await filesOf(folder) });
  return folder;
}

/** Those of a folder that has no folders. */
async function filesOf(folder: Folder): Promise<PackedBlob[]> {
  const packed = async (path: string) => ({ path, content: new Blob([await bytesOf(path)]) });
  const bytesOf = async (path: string) => folder.readRange(path, 0, await folder.size(path));
  return Promise.all((await folder.list('')).map(packed));
}

function questions(): Source {
  const lines = whereQuestions(QUESTION_SEED, QUESTIONS).map((each) => JSON.stringify(each));
  return { name: 'questions about stories', text: lines.join('\n') };
}

async function savedData(folder: Folder, name: string): Promise<Source> {
  return { name, text: new TextDecoder().decode(await folder.read(DATA_FILE)) };
}

/** What the model writes after the examples' prompts; the same seed each time. */
async function answers(
  device: Device,
  { base, seed, end }: Tuned,
  examples: readonly Example[],
  adapter: string | null,
): Promise<Answer[]> {
  const { tokenizer, model } = base;
  const prompts = examples.map(({ ids, counted }) => [...ids.subarray(0, counted.indexOf(true))]);
  const room = model.config.context + 1 - Math.max(...prompts.map(({ length }) => length));
  setAdapter(model, adapter);
  try {
    const written = await generateText(device, base, prompts, {
      maxNewTokens: Math.min(ANSWER_TOKENS, room),
      ...{ temperature: TEMPERATURE, seed, ends: [end] },
    });
    return written.map(({ text }, i) => ({
      prompt: tokenizer.decode(prompts[i]!),
      expected: tokenizer.decode(examples[i]!.ids.subarray(prompts[i]!.length)).trim(),
      text,
    }));
  } finally {
    setAdapter(model, null);
  }
}

async function compare(
  device: Device,
  { report }: Engine<Report>,
  prompt: string,
): Promise<string> {
  if (!tuned) return 'There is no model yet.';
  const { base, seed, end, template } = tuned;
  const { tokenizer, model } = base;
  const asked = template
    ? chatPrompt([{ role: 'user', content: prompt }], template)
        .map(({ text }) => text)
        .join('')
    : prompt;
  const ids = [...tokenizer.encode(asked, { specials: 'allow' })];
  const write = async (adapter: string | null) => {
    setAdapter(model, adapter);
    const [written] = await generateText(device, base, [ids], {
      maxNewTokens: Math.min(ANSWER_TOKENS, model.config.context + 1 - ids.length),
      ...{ temperature: TEMPERATURE, seed, ends: [end] },
    }).finally(() => setAdapter(model, null));
    return written!.text;
  };
  report({ type: 'compared', prompt, before: await write(null), after: await write(ADAPTER) });
  return 'Answered.';
}
