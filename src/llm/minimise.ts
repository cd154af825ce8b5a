// The minimum of a function of a few variables: BFGS with a weak Wolfe line search by bisection, which also works where
// the second derivative jumps (Lewis & Overton 2013). H approximates the inverse of the second derivatives:
//
//   x' = x - t H g      s = x' - x      y = g' - g      H' = (I - s yᵀ/sᵀy) H (I - y sᵀ/sᵀy) + s sᵀ/sᵀy

export interface ValueAndGradient {
  readonly value: number;
  readonly gradient: readonly number[];
}

/** The point where the search from `start` ends: at a gradient of 0, or where no step goes down any further. */
export function minimise(
  f: (x: readonly number[]) => ValueAndGradient,
  start: readonly number[],
): { x: readonly number[]; value: number } {
  let x = start;
  let { value, gradient } = f(x);
  let H = identity(x.length, 1 / Math.max(1, norm(gradient))); // the first step has a length of at most 1
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const direction = H.map((row) => -dot(row, gradient));
    const found = lineSearch(f, x, value, gradient, direction);
    if (found === null || !(norm(found.gradient) > 0)) return found ?? { x, value };
    const s = direction.map((d) => found.step * d);
    const y = found.gradient.map((g, i) => g - gradient[i]!);
    H = updated(H, s, y);
    ({ x, value, gradient } = found);
  }
  return { x, value };
}

const MOST_ITERATIONS = 500;
const MOST_BISECTIONS = 50;
const ENOUGH_DECREASE = 1e-4;
const ENOUGH_FLATTER = 0.9;

/** A step that goes down enough, and far enough that the slope is less steep; null where none goes down. */
function lineSearch(
  f: (x: readonly number[]) => ValueAndGradient,
  x: readonly number[],
  value: number,
  gradient: readonly number[],
  direction: readonly number[],
) {
  const slope = dot(gradient, direction);
  let [low, high, step] = [0, Number.POSITIVE_INFINITY, 1];
  let best: (ValueAndGradient & { x: readonly number[]; step: number }) | null = null;
  for (let i = 0; i < MOST_BISECTIONS && slope < 0; i++) {
    const point = x.map((v, j) => v + step * direction[j]!);
    const at = f(point);
    if (!(at.value < value + ENOUGH_DECREASE * step * slope)) {
      high = step;
    } else {
      best = { ...at, x: point, step };
      if (dot(at.gradient, direction) >= ENOUGH_FLATTER * slope) return best;
      low = step;
    }
    step = high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * low;
  }
  return best;
}

function updated(
  H: readonly (readonly number[])[],
  s: readonly number[],
  y: readonly number[],
): number[][] {
  const sy = dot(s, y);
  if (!(sy > 0)) return H.map((row) => [...row]);
  const Hy = H.map((row) => dot(row, y));
  const scale = (1 + dot(y, Hy) / sy) / sy;
  return H.map((row, i) =>
    row.map((h, j) => h + scale * s[i]! * s[j]! - (Hy[i]! * s[j]! + s[i]! * Hy[j]!) / sy),
  );
}

const identity = (size: number, scale: number) =>
  Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => (i === j ? scale : 0)),
  );
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const norm = (a: readonly number[]) => Math.sqrt(dot(a, a));
