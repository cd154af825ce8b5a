// What a kept run says of itself. It may have come from a file: nothing is taken unchecked.

import { type Check, checkSettings } from '../../src/io/config.ts';
import type { Folder } from '../../src/io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../../src/io/json.ts';
import { findCheckpoints } from '../../src/io/manifest.ts';

/** A check for each setting: between the limits that the form's fields have, too. */
export type AllChecks<T> = { readonly [K in keyof T]: Check };

/** An object in a file of JSON, with the names that are checked alone. @throws DataError or ConfigError */
export async function readChecked<T extends object>(
  folder: Folder,
  file: string,
  checks: AllChecks<T>,
  of: (content: Record<string, unknown>) => unknown = (content) => content,
): Promise<T> {
  const what = `${folder.location}/${file}`;
  const content = toPlain(parseJson(decodeUtf8(await folder.read(file), what), { what }));
  const given = Object(of(Object(content))) as Record<string, unknown>;
  const values = Object.keys(checks).map((name) => [name, given[name]]);
  return checkSettings(Object.fromEntries(values) as T, checks);
}

/** The settings of a run, from its config.json. */
export const savedSettings = <T extends object>(folder: Folder, checks: AllChecks<T>): Promise<T> =>
  readChecked(folder, 'config.json', checks, ({ settings }) => settings);

/** The step that a run goes on from; 0 where it has no checkpoint. */
export async function savedStep(folder: Folder): Promise<number> {
  const found = await findCheckpoints(folder);
  return found.find(({ manifest }) => manifest)?.manifest?.step ?? 0;
}
