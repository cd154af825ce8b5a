// What the tuner measured on this adapter, kept from run to run: a JSON text per adapter, driver and platform.
// What cannot be read is ignored: the shipped choices serve until the tuner runs again.

import { platform } from '#platform';
import { type ChoiceTable, isChoiceTable } from './choices.ts';

/** Raised when variants change their meaning: older measurements are then forgotten. */
const VERSION = 1;

export interface TunedAdapter {
  readonly name: string;
  readonly driver: string;
}

/** The tuner's choices for this adapter; null when there are none that can be read. */
export async function readTuning(adapter: TunedAdapter): Promise<ChoiceTable | null> {
  const text = await platform.store.read(fileName(adapter));
  if (text === null) return null;
  try {
    const { version, driver, choices } = JSON.parse(text);
    return version === VERSION && driver === adapter.driver && isChoiceTable(choices)
      ? choices
      : null;
  } catch {
    return null;
  }
}

/** Keeps the choices for later runs; resolves to where they are. */
export function writeTuning(adapter: TunedAdapter, choices: ChoiceTable): Promise<string> {
  const { name, driver } = adapter;
  const text = JSON.stringify({ version: VERSION, adapter: name, driver, choices }, null, 2);
  return platform.store.write(fileName(adapter), `${text}\n`);
}

function fileName({ name, driver }: TunedAdapter): string {
  const plain = `${name} ${driver}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `tuning-${platform.name}-${plain.slice(0, 160)}.json`;
}
