// A model to try, for a visitor who has none: a Llama of 60,000 parameters that is trained on the first sentences of stories,
// and kept as a Hugging Face folder in the browser's storage.

import { openFolder } from '#folder';
import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { saveHuggingFace, storyOpenings, trainLanguageModel } from '../../src/llm/index.ts';
import { type MemoryFolder, memoryFolder } from '../shared/memory_folder.ts';
import { whyNot } from '../shared/saving.ts';

const FOLDER = 'fine-tune/tiny-model';
export const TINY_MODEL = 'tiny model';

const SETTINGS = {
  vocabularySize: 320,
  layers: 2,
  width: 48,
  hidden: 96,
  context: 48,
  activation: 'swiglu',
  batch: 16,
  steps: 100,
  learningRate: 1e-2,
  minLearningRate: 1e-3,
  warmupSteps: 10,
  samples: 0,
} as const;
/** Seeds of the text that it learns, and of the questions that it is tuned on. */
export const TEXT_SEED = 1;
export const QUESTION_SEED = 2;
const OPENINGS = 4000;

export interface TinyModelOptions {
  readonly signal: AbortSignal;
  /** Hears of its training, and may hold it. */
  onStep(step: number, steps: number): Promise<void>;
  /** Hears why the model is not kept. */
  onNote(line: string): void;
}

/**
 * The model's folder; null where its making was stopped. It is made on the first visit, and on each where the browser gives
 * no storage.
 */
export async function tinyModel(device: Device, options: TinyModelOptions): Promise<Folder | null> {
  const kept = { ...(await openFolder(FOLDER)), location: TINY_MODEL };
  // Its last file that is written. Storage that is refused holds none.
  if (await kept.exists('config.json').catch(() => false)) return kept;
  const made = await make(device, options);
  if (!made) return null;
  try {
    await kept.remove('');
    for (const [path, bytes] of made.files) await kept.write(path, bytes);
  } catch (error) {
    options.onNote(`The tiny model is not kept: ${whyNot(error)}.`);
  }
  return made;
}

async function make(
  device: Device,
  { signal, onStep }: TinyModelOptions,
): Promise<MemoryFolder | null> {
  const content = `${storyOpenings(TEXT_SEED, OPENINGS).join('\n')}\n`;
  const { model, data, stopped } = await trainLanguageModel(device, {
    text: { name: 'beginnings of stories', content },
    settings: { ...SETTINGS, evaluateEvery: SETTINGS.steps },
    signal,
    onProgress: ({ step, steps }) => onStep(step, steps),
  });
  try {
    if (stopped) return null;
    const folder = memoryFolder(TINY_MODEL);
    await saveHuggingFace(folder, { model, tokenizerJson: JSON.stringify(data.tokenizer) });
    return folder;
  } finally {
    model.dispose();
  }
}
