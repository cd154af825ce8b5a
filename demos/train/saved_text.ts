// The text of a run lies in the run's folder, so that it can go on in another visit, and in Node.

import type { Folder } from '../../src/io/folder.ts';
import { findCheckpoints } from '../../src/io/manifest.ts';
import type { TrainingText } from '../../src/llm/data.ts';
import { decodeText, readSavedRun, type TrainSettings } from '../../src/llm/index.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import { type SavedLoss, savedLosses } from '../shared/saved_losses.ts';
import type { Source } from './protocol.ts';

const FILE = 'text.txt';

export interface Begun {
  readonly text: TrainingText | null;
  readonly tokenizer: Tokenizer | null;
  readonly settings: Partial<TrainSettings>;
  /** Whether there is a checkpoint to go on from. */
  readonly resume: boolean;
  /** What it has logged. */
  readonly before: readonly SavedLoss[];
}

/** A new run: its text is kept with it. */
export async function newRun(
  folder: Folder | null,
  source: Source | null,
  settings: TrainSettings,
): Promise<Begun> {
  const text = source && textOf(source);
  if (source) await folder?.write(FILE, new Uint8Array(source.bytes));
  return { text, tokenizer: null, settings, resume: false, before: [] };
}

/**
 * The run in a folder as it was begun; null where it did not get so far.
 * @param source what the visitor has chosen now, for a run whose text is not with it
 * @throws Error that names a text that is missing
 */
export async function savedRun(folder: Folder, source: Source | null): Promise<Begun | null> {
  const saved = await readSavedRun(folder);
  if (!saved) return null;
  const [first, ...others] = saved.texts;
  if (others.length > 0)
    throw new Error(
      'This run learns several texts; go on with it in Node: shadegrad train --resume',
    );
  const text = first ? await savedText(folder, first, source) : null;
  return {
    text,
    tokenizer: saved.tokenizer,
    settings: saved.settings,
    resume: (await findCheckpoints(folder)).length > 0,
    before: await savedLosses(folder),
  };
}

async function savedText(
  folder: Folder,
  { name, file }: { readonly name: string; readonly file: string },
  source: Source | null,
): Promise<TrainingText> {
  if (await folder.exists(FILE))
    return { name, content: decodeText(await folder.read(FILE), name), file: FILE };
  if (source?.name !== name)
    throw new Error(
      `This run learns ${name}, which is not kept with it (it was ${file}): choose that file as your own text, then continue`,
    );
  await folder.write(FILE, new Uint8Array(source.bytes));
  return textOf(source);
}

function textOf({ name, bytes }: Source): TrainingText {
  return { name, content: decodeText(new Uint8Array(bytes), name), file: FILE };
}
