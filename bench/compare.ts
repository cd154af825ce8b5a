// An earlier call's JSON, and how much faster this one is.

import { DataError } from '../src/errors.ts';
import type { BenchResult } from './run.ts';
import type { Column } from './table.ts';

/** What a comparison needs of an earlier result. */
export interface Baseline {
  readonly adapter: string | undefined;
  /** By item and variant of a kernel from outside: microseconds. */
  readonly times: ReadonlyMap<string, number>;
}

/**
 * Reads what `shadegrad bench --json` printed: the last line holds the results.
 * @param name the file, for messages.
 * @throws DataError for anything else.
 */
export function readBaseline(name: string, text: string): Baseline {
  const parsed = lastObject(name, text);
  const results = (parsed as { results?: unknown }).results;
  if (!Array.isArray(results)) {
    throw new DataError(`bench: ${name} has no "results"; expected what bench --json printed`);
  }
  const times = new Map<string, number>();
  for (const each of results as Partial<BenchResult>[]) {
    const { name: item, microseconds } = each ?? {};
    if (typeof item !== 'string' || !(typeof microseconds === 'number' || microseconds === null)) {
      throw new DataError(`bench: ${name} has a result without name or microseconds`);
    }
    // The built-in kernel's comes before one from outside.
    if (microseconds !== null && !times.has(item)) times.set(item, microseconds);
  }
  return { adapter: (parsed as { adapter?: { name?: string } }).adapter?.name, times };
}

/** The whole text, or else its last line, as an object. */
function lastObject(name: string, text: string): object {
  for (const part of [text, text.trimEnd().split('\n').at(-1)!]) {
    try {
      const value: unknown = JSON.parse(part);
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      // the other one, or the error below
    }
  }
  throw new DataError(`bench: ${name} is not JSON; expected what bench --json printed`);
}

/** How many times as fast as before: the earlier time over this one. */
export function comparisonColumn({ times }: Baseline): Column {
  return {
    title: 'faster',
    width: 7,
    text({ name, microseconds }) {
      const before = times.get(name);
      if (before === undefined || microseconds === null) return '-';
      return `${(before / microseconds).toFixed(2)}x`;
    },
  };
}
