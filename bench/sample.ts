// Checks results against the float64 references of test/reference. Where a whole item would take too long, parts of it
// do: problems of the same op whose outputs are ranges of the item's (rows of a softmax, a head of an attention).

import type { Ref } from '../test/reference/array.ts';
import type { OpReference } from '../test/reference/case.ts';
import { expectClose, type Tolerance } from '../test/reference/close.ts';
import type { HostArray, HostArrays, Results, Verdict } from './item.ts';

/** A smaller problem, and where its outputs lie in the item's: the index of the first element, by name. */
export interface Part {
  readonly inputs: Readonly<Record<string, Ref>>;
  /** The upstream gradient of `out`; for forward+backward. */
  readonly dout?: Ref;
  readonly starts: Readonly<Record<string, number>>;
}

/** f32 values are exact in float64. */
export function refOf({ shape, data }: HostArray): Ref {
  return { shape, data: Float64Array.from(data) };
}

/** The item as its only part. `dy` is the upstream gradient, by convention of the items. */
export function wholeOf({ dy, ...inputs }: HostArrays): Part[] {
  const refs = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, refOf(x)]));
  return [{ inputs: refs, ...(dy && { dout: refOf(dy) }), starts: {} }];
}

/** `count` rows from `first` of an array seen as a matrix whose rows are the last `axes` axes. */
export function rowsOf(x: HostArray, first: number, count: number, axes = 1): Ref {
  const row = x.shape.slice(x.shape.length - axes);
  const size = row.reduce((product, length) => product * length, 1);
  const data = Float64Array.from(x.data.subarray(first * size, (first + count) * size));
  return { shape: [count, ...row], data };
}

/** Blocks of `count` rows at the beginning, in the middle and at the end; all rows where there are no more. */
export function sampledRows(total: number, count: number): { first: number; rows: number }[] {
  if (total <= 3 * count) return [{ first: 0, rows: total }];
  const middle = Math.floor((total - count) / 2);
  return [0, middle, total - count].map((first) => ({ first, rows: count }));
}

/** Compares what the parts cover of each result; the first value that is off ends it. */
export function checkParts(
  reference: OpReference,
  options: Readonly<Record<string, unknown>>,
  parts: readonly Part[],
  results: Results,
): Verdict {
  let compared = 0;
  try {
    for (const part of parts) {
      for (const { name, want, tolerance } of expected(reference, options, part)) {
        const all = results[name];
        if (!all) throw new Error(`${name} is missing`);
        const start = part.starts[name] ?? 0;
        const got = Float64Array.from({ length: want.length }, (_, i) => all[start + i]!);
        expectClose(got, want, tolerance, name);
        compared += want.length;
      }
    }
  } catch (error) {
    return { correct: false, compared, problem: (error as Error).message };
  }
  return { correct: true, compared };
}

interface Expected {
  readonly name: string;
  readonly want: Float64Array;
  readonly tolerance: Tolerance;
}

function expected(
  reference: OpReference,
  options: Readonly<Record<string, unknown>>,
  { inputs, dout }: Part,
): Expected[] {
  const upstream = dout ? dout.data.reduce((top, v) => Math.max(top, Math.abs(v)), 0) : 1;
  const { forward, backward } = reference.tolerance(inputs, options, upstream);
  const outputs = reference.forward(inputs, options);
  const found = Object.entries(outputs).map(([name, { data }]) => ({
    name,
    want: data,
    tolerance: forward,
  }));
  if (!dout) return found;
  const [first] = reference.differentiable ?? Object.keys(outputs);
  const gradients = reference.backward!(inputs, options, { [first!]: dout });
  for (const [name, gradient] of Object.entries(gradients)) {
    const tolerance = 'rtol' in backward ? backward : backward[name]!;
    found.push({ name: `d${name}`, want: gradient!.data, tolerance: tolerance as Tolerance });
  }
  return found;
}
