// Settings: defaults live in code, next to the algorithm that they tune; layers (a preset, a file, --set) change them.
// A setting is a number, text, true/false, null, a list of these, or a group of settings, which is written `group.name`.

import { ConfigError } from '../errors.ts';

/** What one source says: names and values, groups nested as in the defaults or with dotted names; `undefined` is skipped. */
export type SettingsLayer = Readonly<Record<string, unknown>>;

/** What a setting's value must be; `expected` completes the sentence "lr is -1; expected …". */
export interface Check {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

/** Checks for some of the settings `T`, nested as `T` is. */
export type Checks<T> = { readonly [K in keyof T]?: Check | Checks<T[K]> };

/** Own keys of these names would reach an object's prototype where settings are copied. */
const POLLUTING = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * `defaults` with each layer laid over it, the last one winning. The defaults fix the names and the types: a value has
 * the type of the default (lists: of its elements); where the default is null, any single value is taken.
 * Throws ConfigError for an unknown name (with the nearest right one) and for a value of another type.
 */
export function resolveSettings<T extends object>(
  defaults: T,
  ...layers: readonly (object | undefined)[]
): T {
  const settings = structuredClone(defaults);
  const names = settingNames(defaults);
  for (const layer of layers) {
    if (layer !== undefined) overlay(settings as Record<string, unknown>, layer, '', names);
  }
  return settings;
}

function overlay(
  target: Record<string, unknown>,
  layer: unknown,
  prefix: string,
  names: readonly string[],
): void {
  if (!isGroup(layer)) {
    const what = prefix === '' ? 'settings' : `"${prefix.slice(0, -1)}"`;
    throw new ConfigError(`${what} must be a group of names and values, but got ${show(layer)}`);
  }
  for (const [key, value] of Object.entries(layer)) {
    const name = prefix + key;
    const dot = key.indexOf('.');
    if (dot > 0) {
      overlay(target, { [key.slice(0, dot)]: { [key.slice(dot + 1)]: value } }, prefix, names);
      continue;
    }
    if (POLLUTING.has(key) || !Object.hasOwn(target, key)) throw unknownSetting(name, names);
    if (value === undefined) continue;
    const current = target[key];
    if (isGroup(current)) {
      overlay(current, value, `${name}.`, names);
    } else {
      requireType(name, value, current);
      target[key] = structuredClone(value);
    }
  }
}

function unknownSetting(name: string, names: readonly string[]): ConfigError {
  const asked = POLLUTING.has(name) ? undefined : nearest(name, names);
  if (asked !== undefined) {
    return new ConfigError(`unknown setting "${name}" (did you mean "${asked}"?)`);
  }
  return new ConfigError(`unknown setting "${name}"; known are ${names.join(', ')}`);
}

function requireType(name: string, value: unknown, example: unknown): void {
  const expected = typeExpected(value, example);
  if (expected !== null) {
    throw new ConfigError(`${name} is ${show(value)}; expected ${expected}`);
  }
}

/** Null when `value` has the type of `example`; otherwise what was expected, in words. */
function typeExpected(value: unknown, example: unknown): string | null {
  if (Array.isArray(example)) {
    if (!Array.isArray(value)) return 'a list, such as [1, 2]';
    const wrong = value.map((v) => typeExpected(v, example[0] ?? null)).find((e) => e !== null);
    return wrong === undefined ? null : `every element to be ${wrong}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a finite number';
  if (example === null) {
    const single = value === null || ['number', 'string', 'boolean'].includes(typeof value);
    return single ? null : 'a single value';
  }
  if (typeof value === typeof example) return null;
  if (typeof example === 'number') return 'a number';
  if (typeof example === 'boolean') return 'true or false';
  return typeof value === 'object' ? 'text' : `text, such as "${value}" with quotes`;
}

/** `settings`, after every check in `checks` has passed; throws ConfigError with name, value and range. */
export function checkSettings<T extends object>(settings: T, checks: Checks<T>): T {
  checkGroup(settings as Record<string, unknown>, checks as Record<string, unknown>, '');
  return settings;
}

function checkGroup(
  settings: Record<string, unknown>,
  checks: Record<string, unknown>,
  prefix: string,
): void {
  for (const [key, check] of Object.entries(checks)) {
    const value = settings[key];
    if (isCheck(check)) {
      if (!check.accepts(value)) {
        throw new ConfigError(`${prefix}${key} is ${show(value)}; expected ${check.expected}`);
      }
    } else if (isGroup(check) && isGroup(value)) {
      checkGroup(value, check, `${prefix}${key}.`);
    }
  }
}

function isCheck(value: unknown): value is Check {
  return isGroup(value) && typeof value.accepts === 'function';
}

const isFiniteNumber = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v);

export const positive: Check = {
  expected: 'a number above 0',
  accepts: (v) => isFiniteNumber(v) && v > 0,
};
export const nonNegative: Check = {
  expected: 'a number of at least 0',
  accepts: (v) => isFiniteNumber(v) && v >= 0,
};
export const positiveInteger: Check = {
  expected: 'a whole number of at least 1',
  accepts: (v) => Number.isSafeInteger(v) && (v as number) >= 1,
};
export const nonNegativeInteger: Check = {
  expected: 'a whole number of at least 0',
  accepts: (v) => Number.isSafeInteger(v) && (v as number) >= 0,
};

/** `low <= value <= high`. */
export function between(low: number, high: number): Check {
  return {
    expected: `a number from ${low} to ${high}`,
    accepts: (v) => isFiniteNumber(v) && v >= low && v <= high,
  };
}

/** The same for whole numbers. */
export function wholeBetween(low: number, high: number): Check {
  return {
    expected: `a whole number from ${low} to ${high}`,
    accepts: (v) => Number.isSafeInteger(v) && between(low, high).accepts(v),
  };
}

/** A list of numbers that rise, none above `most`. */
export function increasing(most = Number.MAX_SAFE_INTEGER): Check {
  const limit = most < Number.MAX_SAFE_INTEGER ? ` and none above ${most}` : '';
  return {
    expected: `whole numbers above 0, each larger than the one before${limit}`,
    accepts: (values) =>
      Array.isArray(values) &&
      values.length > 0 &&
      values.every((v, i) => Number.isSafeInteger(v) && v > (values[i - 1] ?? 0) && v <= most),
  };
}

export function oneOf(...values: readonly (string | number | boolean | null)[]): Check {
  return {
    expected: `one of ${values.map(show).join(', ')}`,
    accepts: (v) => (values as readonly unknown[]).includes(v),
  };
}

/** A list of at least one value, each as `check` takes it. */
export function listOf(check: Check): Check {
  return {
    expected: `a list, each ${check.expected}`,
    accepts: (v) => Array.isArray(v) && v.length > 0 && v.every(check.accepts),
  };
}

/** Null, or what `check` takes. */
export function nullOr(check: Check): Check {
  return {
    expected: `${check.expected}, or null`,
    accepts: (v) => v === null || check.accepts(v),
  };
}

/** A number as JSON writes it, so that `007`, `0x10` and `1_000` stay text. */
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i;

/**
 * The layer that `--set key=value` means. The value is read as JSON where it is a number, true, false, null, "quoted
 * text" or a [list]; anything else is text as it stands. `a.b=3` sets `b` in the group `a`.
 * Throws ConfigError when there is no `=`, no name, or a name that would reach a prototype.
 */
export function parseAssignment(text: string): SettingsLayer {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(equals, 0)).trim().split('.');
  if (equals < 0 || path.some((key) => key === '')) {
    throw new ConfigError(
      `cannot read the setting "${text}"; expected name=value or group.name=value`,
    );
  }
  const reserved = path.find((key) => POLLUTING.has(key));
  if (reserved !== undefined) {
    throw new ConfigError(`cannot read the setting "${text}": "${reserved}" is a reserved name`);
  }
  const value = parseValue(text.slice(equals + 1).trim());
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as SettingsLayer;
}

function parseValue(text: string): unknown {
  const looksLikeJson =
    ['true', 'false', 'null'].includes(text) || JSON_NUMBER.test(text) || /^["[]/.test(text);
  if (!looksLikeJson) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`cannot read the value ${text}; expected closed quotes or brackets`, {
      cause,
    });
  }
}

/**
 * The one of `names` that `name` was probably meant to be, or undefined when none is close: at most a third of its
 * letters inserted, deleted, replaced or swapped with a neighbour, whatever the case; or a full name that ends in `.name`.
 */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const group = names.find((other) => other.endsWith(`.${name}`));
  if (group !== undefined) return group;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const other of names) {
    const distance = editDistance(name.toLowerCase(), other.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [other, distance];
  }
  return best;
}

/**
 * d[i][j] = min(d[i-1][j] + 1, d[i][j-1] + 1, d[i-1][j-1] + (a_i ≠ b_j)), and d[i-2][j-2] + 1 where two neighbours
 * are swapped (optimal string alignment). Names beyond 100 characters are not compared.
 */
function editDistance(a: string, b: string): number {
  if (a.length > 100 || b.length > 100) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}

/** Names, `group.name` for nested ones, of the settings that `a` and `b` do not share with the same value. */
export function differences(a: object, b: object): string[] {
  const names = new Set([...settingNames(a), ...settingNames(b)]);
  return [...names].filter((name) => !sameValue(valueAt(a, name), valueAt(b, name)));
}

/** All settings as a flat list; those of a group are named `group.name`. */
export function settingEntries(settings: object, prefix = ''): [name: string, value: unknown][] {
  return Object.entries(settings).flatMap(([key, value]): [string, unknown][] =>
    isGroup(value) ? settingEntries(value, `${prefix}${key}.`) : [[prefix + key, value]],
  );
}

const settingNames = (settings: object) => settingEntries(settings).map(([name]) => name);

function valueAt(settings: object, name: string): unknown {
  return name
    .split('.')
    .reduce<unknown>(
      (value, key) => (isGroup(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      settings,
    );
}

function sameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, i) => sameValue(value, b[i]));
  }
  return Object.is(a, b);
}

function isGroup(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value as a message shows it, cut so that a message stays one line. */
function show(value: unknown): string {
  if (isGroup(value)) return 'a group';
  const text = JSON.stringify(value, (_, v) => (typeof v === 'number' ? printable(v) : v));
  const shown = text ?? String(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

/** JSON has no infinity and writes null in its place. */
const printable = (value: number) => (Number.isFinite(value) ? value : String(value));
