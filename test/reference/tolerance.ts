// How close an f32 kernel has to be to the float64 reference. The rule is that of the project's reliability notes:
//   elementwise       rtol 2e-6 * k, atol 1e-6      k = WGSL's accuracy of the functions used, in ULP / 4, at least 1
//   sums over K       rtol 1e-5,     atol 2e-7 * √K * max|a| * max|b|
//   copies, indices   exact

import type { Tolerance } from './close.ts';

export const EXACT: Tolerance = { rtol: 0, atol: 0 };

/** `scale` is the size of the factor that the result is multiplied with (an upstream gradient). */
export function elementwise(ulp = 4, scale = 1): Tolerance {
  return { rtol: 2e-6 * Math.max(1, ulp / 4), atol: 1e-6 * Math.max(1, scale) };
}

/** A sum of `length` products whose factors are at most `magnitude` together. */
export function reduction(length: number, magnitude: number): Tolerance {
  return { rtol: 1e-5, atol: 2e-7 * Math.sqrt(Math.max(1, length)) * magnitude };
}

/** WGSL's exp is good to 3 + 2|x| ULP; beyond 89 its result is 0 or infinite in f32. */
export function expUlp(magnitude: number): number {
  return 3 + 2 * Math.min(89, magnitude);
}
