// A model to try, for a visitor who has none: a Llama of 60,000 parameters that is trained on the first sentences of stories,
// and kept as a Hugging Face folder in the browser's storage.

import { openFolder } from '#folder';
import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { saveHuggingFace, storyOpenings, trainLanguageModel } from '../../src/llm/index.ts';

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

/** The model's folder; it is made on the first visit. `onStep` hears of its training, and may hold it. */
export async function tinyModel(
  device: Device,
  {
    signal,
    onStep,
  }: { signal: AbortSignal; onStep: (step: number, steps: number) => Promise<void> },
): Promise<Folder> {
  const folder = { ...(await openFolder(FOLDER)), location: TINY_MODEL };
  if (await folder.exists('config.json')) return folder; // the last file that is written
  const content = `${storyOpenings(TEXT_SEED, OPENINGS).join('\n')}\n`;
  const { model, data, stopped } = await trainLanguageModel(device, {
    text: { name: 'beginnings of stories', content },
    settings: { ...SETTINGS, evaluateEvery: SETTINGS.steps },
    signal,
    onProgress: ({ step, steps }) => onStep(step, steps),
  });
  try {
    if (stopped) throw new Error('Stopped before there was a model.');
    await folder.remove('');
    await saveHuggingFace(folder, { model, tokenizerJson: JSON.stringify(data.tokenizer) });
  } finally {
    model.dispose();
  }
  return folder;
}
