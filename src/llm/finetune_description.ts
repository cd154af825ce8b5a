// finetune.json: what a fine-tuning is of, for whoever opens its folder.

import { CheckpointError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import type { FinetuneSettings } from './finetune_settings.ts';

const DESCRIPTION = 'finetune.json';

export interface FinetuneDescription {
  /** Where the model came from. */
  readonly base: string;
  /** The examples' name, and where they are. */
  readonly data: string;
  readonly dataFile: string;
  /** Steps after which what the folder holds was learned; 0: nothing yet. */
  readonly step: number;
  readonly settings: Partial<FinetuneSettings>;
}

export async function writeFinetuneDescription(
  folder: Folder,
  description: FinetuneDescription,
): Promise<void> {
  const text = `${JSON.stringify(description, null, 2)}\n`;
  await folder.write(DESCRIPTION, new TextEncoder().encode(text));
}

/** Null where the folder is of no fine-tuning. @throws CheckpointError or DataError for a file that is damaged. */
export async function readFinetuneDescription(folder: Folder): Promise<FinetuneDescription | null> {
  if (!(await folder.exists(DESCRIPTION))) return null;
  const what = `${folder.location}/${DESCRIPTION}`;
  const found = parseJson(decodeUtf8(await folder.read(DESCRIPTION), what), { what });
  if (found instanceof Map) {
    const { base, data, dataFile = '', step, settings } = toPlain(found) as Record<string, unknown>;
    if (
      typeof base === 'string' &&
      typeof data === 'string' &&
      typeof dataFile === 'string' &&
      typeof step === 'number' &&
      typeof settings === 'object' &&
      settings !== null
    )
      return { base, data, dataFile, step, settings };
  }
  throw new CheckpointError(
    `${what} is not a fine-tuning's: it lacks base, data, step or settings`,
  );
}
