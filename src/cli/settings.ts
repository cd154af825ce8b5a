// The settings of a command: defaults in code, then a preset, then a JSON or YAML file, then --set key=value.
// Whatever is wrong is reported with where it was said: `train.yaml:3: unknown setting "lr" (did you mean …?)`.

import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import { ConfigError } from '../errors.ts';
import {
  type Checks,
  checkSettings,
  nearest,
  parseAssignment,
  resolveSettings,
  type SettingsLayer,
} from '../io/config.ts';

/** The preset of a name. @throws ConfigError, with the nearest right one, where there is none. */
export function presetNamed(presets: Readonly<Record<string, object>>, name: string): object {
  if (Object.hasOwn(presets, name)) return presets[name]!;
  const names = Object.keys(presets);
  const guess = nearest(name, names);
  throw new ConfigError(
    `unknown preset "${name}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${names.join(', ')}`,
  );
}

/** One setting as a source gives it, and where: `train.yaml:3`, `--set layers=4`. */
interface LocatedSetting {
  readonly where: string;
  readonly layer: SettingsLayer;
}

/**
 * Settings are written by hand; a longer file is some other file. The file is trusted as the command line is: the YAML
 * parser does not withstand hostile nesting (measured: 1000 times `? ` hangs it), so no page or server may use this.
 */
const MAX_FILE_BYTES = 1 << 16;

/**
 * `defaults`, changed by `preset`, then by the settings file at `file`, then by the texts `key=value` in `set`, and checked.
 * Throws ConfigError, with file and line or the --set text, for what cannot be read, unknown names and bad values.
 */
export async function loadSettings<T extends object>(
  defaults: T,
  {
    preset,
    file,
    set = [],
    checks = {},
  }: { preset?: object; file?: string; set?: readonly string[]; checks?: Checks<T> } = {},
): Promise<T> {
  const located: LocatedSetting[] = file === undefined ? [] : await readSettingsFile(file);
  for (const text of set) located.push({ where: `--set ${text}`, layer: parseAssignment(text) });
  const base = resolveSettings(defaults, preset);
  for (const { where, layer } of located) {
    atPlace(where, () => checkSettings(resolveSettings(base, layer), checks));
  }
  return checkSettings(resolveSettings(base, ...located.map(({ layer }) => layer)), checks);
}

function atPlace(where: string, check: () => void): void {
  try {
    check();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new ConfigError(`${where}: ${cause.message}`, { cause });
  }
}

/** The settings in a JSON or YAML file, one by one in the file's order. Throws ConfigError with the line. */
export async function readSettingsFile(path: string): Promise<LocatedSetting[]> {
  const extension = extname(path).toLowerCase();
  if (!['.json', '.yaml', '.yml'].includes(extension)) {
    throw new ConfigError(`settings file ${path}: expected a .json, .yaml or .yml file`);
  }
  const text = await readText(path);
  if (extension === '.json') requireJson(text, path);
  return parseSettings(text, basename(path));
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `reading failed (${code})`;
    throw new ConfigError(`settings file ${path}: ${why}`, { cause });
  }
  if (bytes.length > MAX_FILE_BYTES) {
    throw new ConfigError(`settings file ${path}: ${bytes.length} bytes; expected at most 64 KiB`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError(`settings file ${path}: not UTF-8 text`, { cause });
  }
}

/** YAML reads more than JSON; in a file that says it is JSON, a trailing comma is an error. */
function requireJson(text: string, path: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    const { message } = cause as SyntaxError;
    const position = Number(/at position (\d+)/.exec(message)?.[1] ?? text.length);
    const line = text.slice(0, position).split('\n').length;
    throw new ConfigError(`${basename(path)}:${line}: ${message}`, { cause });
  }
}

/** JSON goes the same way as YAML, which contains it: unlike JSON.parse this knows lines and refuses a name given twice. */
function parseSettings(text: string, name: string): LocatedSetting[] {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  } catch (cause) {
    throw new ConfigError(`${name}: cannot be read as YAML`, { cause });
  }
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw new ConfigError(`${name}:${lines.linePos(problem.pos[0]).line}: ${problem.message}`);
  }
  if (document.contents === null) return [];
  if (!isMap(document.contents)) {
    throw new ConfigError(`${name}:1: expected names and values, such as "layers: 4"`);
  }
  return leaves(
    document,
    document.contents,
    '',
    (offset) => `${name}:${lines.linePos(offset).line}`,
  );
}

function leaves(
  document: Document,
  map: YAMLMap,
  prefix: string,
  place: (offset: number) => string,
): LocatedSetting[] {
  return map.items.flatMap(({ key, value }) => {
    if (!isScalar(key)) throw new ConfigError(`${place(map.range![0])}: a name must be plain text`);
    const name = `${prefix}${key.value}`;
    if (isMap(value)) return leaves(document, value, `${name}.`, place);
    const where = place(key.range![0]);
    return [{ where, layer: { [name]: plainValue(document, value, where) } }];
  });
}

function plainValue(document: Document, node: unknown, where: string): unknown {
  if (node === null) return null;
  try {
    return (node as { toJS(document: Document): unknown }).toJS(document);
  } catch (cause) {
    throw new ConfigError(`${where}: ${(cause as Error).message}`, { cause });
  }
}
