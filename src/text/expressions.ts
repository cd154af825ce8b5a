// Algebra of scalars and vectors, `σ(w·x + b)x`: its tree, its values in float64, and whether two expressions agree.
//
// Equality of formulas is decided by their values at random points: two analytic ones that differ anywhere differ almost
// everywhere, so that a single point would tell them apart, and many leave no doubt.

import { DataError } from '../errors.ts';
import { randomStream } from '../tensor/philox.ts';

export type Operator = '+' | '-' | '*' | '/' | '^' | '·';

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string; readonly vector: boolean }
  | { readonly kind: 'negative'; readonly of: Expression }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly of: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    };

export const FUNCTIONS = {
  ln: Math.log,
  exp: Math.exp,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sqrt: Math.sqrt,
  sigma: (z: number) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))),
};

export type FunctionName = keyof typeof FUNCTIONS;

/** What a text may speak of. */
export interface Names {
  readonly scalars: readonly string[];
  /** All of one length. Default none. */
  readonly vectors?: readonly string[];
}

export const number = (value: number): Expression => ({ kind: 'number', value });

export function isVector(e: Expression): boolean {
  if (e.kind === 'name') return e.vector;
  if (e.kind === 'negative') return isVector(e.of);
  return e.kind === 'binary' && e.operator !== '·' && (isVector(e.left) || isVector(e.right));
}

/** @throws DataError for a function of a vector. */
export function call(name: FunctionName, of: Expression): Expression {
  if (isVector(of)) throw new DataError(`${name} of a vector; it takes a number`);
  return { kind: 'call', name, of };
}

export const negative = (of: Expression): Expression => ({ kind: 'negative', of });

/** @throws DataError where the rules of vectors do not allow it. */
export function binary(operator: Operator, left: Expression, right: Expression): Expression {
  const [l, r] = [isVector(left), isVector(right)];
  const allowed = {
    '+': l === r,
    '-': l === r,
    '*': !(l && r),
    '/': !r,
    '^': !l && !r,
    '·': l && r,
  };
  if (allowed[operator]) return { kind: 'binary', operator, left, right };
  const kind = (vector: boolean) => (vector ? 'vector' : 'number');
  throw new DataError(`${kind(l)} ${operator} ${kind(r)} has no meaning`);
}

const OPERATIONS = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '^': (a: number, b: number) => a ** b,
};

/** By name; a scalar is a list of one. */
export type Point = Readonly<Record<string, readonly number[]>>;

/** NaN or an infinity where the expression has no value, or none that float64 holds. @returns a list of one for a scalar */
export function valueAt(e: Expression, point: Point): readonly number[] {
  if (e.kind === 'number') return [e.value];
  if (e.kind === 'name') return point[e.name]!;
  if (e.kind === 'negative') return valueAt(e.of, point).map((x) => -x);
  if (e.kind === 'call') return valueAt(e.of, point).map(FUNCTIONS[e.name]);
  const [left, right] = [valueAt(e.left, point), valueAt(e.right, point)];
  if (e.operator === '·') return [left.reduce((sum, x, i) => sum + x * right[i]!, 0)];
  const operation = OPERATIONS[e.operator];
  const length = Math.max(left.length, right.length);
  const at = (list: readonly number[], i: number) => list[list.length === 1 ? 0 : i]!;
  return Array.from({ length }, (_, i) => operation(at(left, i), at(right, i)));
}

export interface AgreeOptions {
  readonly names: Names;
  /** Points count where this has a value. Default: where both have. */
  readonly domain?: Expression;
  /** Of the points. Default 0. */
  readonly seed?: number;
}

const STREAM = 0x706f696e; // 'poin': the draws of a seed that are points
const POINTS = 64;
/** Points at which both have a value; with fewer nothing is said to agree. */
const LEAST_POINTS = 8;
const LENGTH = 3; // of vectors
const FARTHEST = 3;
/** Float64's own 1e-16, and room for what cancels on the way. */
const TOLERANCE = { relative: 1e-9, absolute: 1e-12 };

/** Whether both have the same values wherever both have any. A scalar never agrees with a vector. */
export function agree(
  a: Expression,
  b: Expression,
  { names, domain = a, seed = 0 }: AgreeOptions,
): boolean {
  if (isVector(a) !== isVector(b)) return false;
  const random = randomStream(seed, STREAM);
  const draw = (length: number) =>
    Array.from({ length }, () => FARTHEST * (2 * random.uniform() - 1));
  let compared = 0;
  for (let i = 0; i < POINTS; i++) {
    const scalars = names.scalars.map((name) => [name, draw(1)]);
    const vectors = (names.vectors ?? []).map((name) => [name, draw(LENGTH)]);
    const point: Point = Object.fromEntries([...scalars, ...vectors]);
    const [x, y, inside] = [a, b, domain].map((e) => valueAt(e, point));
    if (![x, y, inside].every((values) => values!.every(Number.isFinite))) continue;
    if (!x!.every((value, j) => close(value, y![j]!))) return false;
    compared++;
  }
  return compared >= LEAST_POINTS;
}

const close = (x: number, y: number) =>
  Math.abs(x - y) <= TOLERANCE.absolute + TOLERANCE.relative * Math.max(Math.abs(x), Math.abs(y));
