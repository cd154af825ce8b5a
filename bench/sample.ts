// Checks results against the float64 references of test/reference. Where a whole item would take too long, parts of it
// do: problems of the same op whose outputs are ranges of the item's (rows of a softmax, a head of an attention).

import type { Ref } from '../test/reference/array.ts';
import type { OpReference } from '../test/reference/case.ts';
import { expectClose, farthest, type Tolerance } from '../test/reference/close.ts';
import type { HostArray, HostArrays, Results, Verdict, Worst } from './item.ts';

/** A smaller problem of the same op, some of whose outputs are ranges of the item's. */
export interface Part {
  readonly inputs: Readonly<Record<string, Ref>>;
  /** The upstream gradient of `out`; for forward+backward. */
  readonly dout?: Ref;
  /** Where the outputs that are compared begin in the item's. Absent: the part is the whole. */
  readonly starts?: Readonly<Record<string, number>>;
}

/** f32 values are exact in float64. */
export function refOf({ shape, data }: HostArray): Ref {
  return { shape, data: Float64Array.from(data) };
}

/** The item as its only part. `dy` is the upstream gradient, by convention of the items. */
export function wholeOf({ dy, ...inputs }: HostArrays): Part[] {
  const refs = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, refOf(x)]));
  return [{ inputs: refs, ...(dy && { dout: refOf(dy) }) }];
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

/** All values must be finite, and those that the parts cover near float64's; the first that is not ends it. */
export function checkParts(
  reference: OpReference,
  options: Readonly<Record<string, unknown>>,
  parts: readonly Part[],
  results: Results,
): Verdict {
  let compared = 0;
  let worst: Worst | undefined;
  try {
    for (const [name, values] of Object.entries(results)) requireFinite(name, values);
    for (const part of parts) {
      for (const { name, want, tolerance } of expected(reference, options, part)) {
        if (part.starts && !(name in part.starts)) continue;
        const all = results[name];
        if (!all) throw new Error(`${name} is missing`);
        const start = part.starts?.[name] ?? 0;
        const got = Float64Array.from({ length: want.length }, (_, i) => all[start + i]!);
        const far = farthest(got, want, tolerance);
        if (far && (!worst || shareOf(far) > shareOf(worst)))
          worst = { output: name, ...far, at: start + far.at };
        expectClose(got, want, tolerance, name);
        compared += want.length;
      }
    }
  } catch (error) {
    return { correct: false, compared, ...(worst && { worst }), problem: (error as Error).message };
  }
  return { correct: true, compared, ...(worst && { worst }) };
}

/** Of the difference that is allowed. */
export const shareOf = ({ got, want, allowed }: Omit<Worst, 'output'>): number =>
  Math.abs(got - want) / allowed;

function requireFinite(name: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw new Error(`${name}[${i}]: got ${values[i]}`);
  }
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
