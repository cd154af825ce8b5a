// y = f(x) and dx = dy * f'(x), element by element.

import { map, maxAbs, type Ref } from './array.ts';
import type { Attrs, OpReference } from './case.ts';
import { EXACT, elementwise, expUlp } from './tolerance.ts';

export type Unary<A extends Attrs = Attrs> = OpReference<{ x: Ref }, A, { out: Ref }>;

interface Accuracy {
  /** WGSL's accuracy in ULP where the largest |x| is `magnitude`. */
  ulp?: (magnitude: number) => number;
  /** Absolute error that WGSL allows, where it is above 1e-6. */
  atol?: number;
  /** The result is one of the inputs, or rounded once. */
  exact?: boolean;
}

function unary<A extends Attrs = Record<never, never>>(
  op: string,
  f: (x: number, attrs: A) => number,
  df: (x: number, attrs: A) => number,
  { ulp = () => 4, atol = 1e-6, exact = false }: Accuracy = {},
): Unary<A> {
  return {
    op,
    forward: ({ x }, attrs) => ({ out: map(x, (v) => f(v, attrs)) }),
    backward: ({ x }, attrs, { out: dout }) => ({
      x: map(x, (v, i) => dout.data[i]! * df(v, attrs)),
    }),
    tolerance({ x }, _attrs, dout) {
      const { rtol } = elementwise(ulp(maxAbs(x)));
      return {
        forward: exact ? EXACT : { rtol, atol },
        backward: { rtol: 2 * rtol, atol: atol * Math.max(1, dout) },
      };
    },
  };
}

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** erfc for x >= 3 by its continued fraction, e^(-x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))). */
function erfcTail(x: number): number {
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** erf by 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms all have one sign; beyond 3 by its tail. */
export function erfOf(x: number): number {
  if (Math.abs(x) >= 3) return Math.sign(x) * (1 - erfcTail(Math.abs(x)));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * Math.exp(-x * x) * sum;
}

/** The normal distribution function Φ(x), accurate in its lower tail too. */
function normalCdf(x: number): number {
  const z = x / Math.SQRT2;
  return z <= -3 ? 0.5 * erfcTail(-z) : 0.5 * (1 + erfOf(z));
}

const normalPdf = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

export const sigmoidOf = (x: number) =>
  x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));

export const softplusOf = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// gelu, 'tanh': y = ½ x (1 + tanh u),  u = √(2/π) (x + 0.044715 x³)
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const geluInner = (x: number) => SQRT_2_OVER_PI * (x + 0.044715 * x ** 3);
const geluInnerSlope = (x: number) => SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x);

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(geluInner(x)));
}

/** sech² is 0 long before the slope overflows: their product is taken only where it counts. */
function geluTanhSlope(x: number): number {
  const t = Math.tanh(geluInner(x));
  const bend = Math.abs(x) > 30 ? 0 : 0.5 * x * (1 - t * t) * geluInnerSlope(x);
  return 0.5 * (1 + t) + bend;
}

type Approximate = { approximate?: 'none' | 'tanh' };

/** tanh is only good to an absolute 1e-5 in WGSL. */
const TANH: Accuracy = { ulp: () => 80, atol: 1e-5 };
const EXP: Accuracy = { ulp: expUlp };

export const relu = unary(
  'relu',
  (x) => Math.max(x, 0),
  (x) => (x > 0 ? 1 : 0),
  { exact: true },
);

export const gelu = unary<Approximate>(
  'gelu',
  (x, { approximate }) => (approximate === 'tanh' ? geluTanh(x) : x * normalCdf(x)),
  (x, { approximate }) =>
    approximate === 'tanh' ? geluTanhSlope(x) : normalCdf(x) + x * normalPdf(x),
  TANH,
);

export const silu = unary(
  'silu',
  (x) => x * sigmoidOf(x),
  (x) => sigmoidOf(x) * (1 + x * sigmoidOf(-x)),
  EXP,
);

export const tanh = unary('tanh', Math.tanh, (x) => 1 - Math.tanh(x) ** 2, TANH);

export const sigmoid = unary('sigmoid', sigmoidOf, (x) => sigmoidOf(x) * sigmoidOf(-x), EXP);

export const softplus = unary('softplus', softplusOf, sigmoidOf, EXP);

export const neg = unary(
  'neg',
  (x) => -x,
  () => -1,
  { exact: true },
);

export const square = unary(
  'square',
  (x) => x * x,
  (x) => 2 * x,
);

export const sqrt = unary('sqrt', Math.sqrt, (x) => 0.5 / Math.sqrt(x));

export const exp = unary('exp', Math.exp, Math.exp, EXP);

export const log = unary('log', Math.log, (x) => 1 / x);

export const abs = unary('abs', Math.abs, Math.sign, { exact: true });

export const erf = unary('erf', erfOf, (x) => TWO_OVER_SQRT_PI * Math.exp(-x * x), EXP);

/** The gradient passes where min <= x <= max, the bounds included. */
export const clamp = unary<{ min?: number; max?: number }>(
  'clamp',
  (x, { min = -Infinity, max = Infinity }) => Math.min(Math.max(x, min), max),
  (x, { min = -Infinity, max = Infinity }) => (x >= min && x <= max ? 1 : 0),
  { exact: true },
);
