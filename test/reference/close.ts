// |got - want| <= atol + rtol * |want|, element by element. NaN only equals NaN, +inf only +inf, -inf only -inf.

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** How far an element is outside its tolerance: <= 0 is close. */
function excess(got: number, want: number, { rtol, atol }: Tolerance): number {
  if (Object.is(got, want) || got === want) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return Number.POSITIVE_INFINITY;
  return Math.abs(got - want) - (atol + rtol * Math.abs(want));
}

/** The element that uses most of its tolerance; null where there are none, or no tolerance either. */
export function farthest(
  got: ArrayLike<number>,
  want: Float64Array,
  { rtol, atol }: Tolerance,
): { at: number; got: number; want: number; allowed: number } | null {
  let [most, at] = [-1, -1];
  for (let i = 0; i < want.length; i++) {
    const share = Math.abs(got[i]! - want[i]!) / (atol + rtol * Math.abs(want[i]!));
    if (share > most) [most, at] = [share, i];
  }
  if (at < 0) return null;
  return { at, got: got[at]!, want: want[at]!, allowed: atol + rtol * Math.abs(want[at]!) };
}

/** Throws with the worst element, its flat index and both values; `label` says what was compared. */
export function expectClose(
  got: ArrayLike<number>,
  want: Float64Array,
  tolerance: Tolerance,
  label: string,
): void {
  if (got.length !== want.length) {
    throw new Error(`${label}: got ${got.length} elements, expected ${want.length}`);
  }
  let worst = -1;
  let worstExcess = 0;
  let wrong = 0;
  for (let i = 0; i < want.length; i++) {
    const over = excess(got[i]!, want[i]!, tolerance);
    if (over <= 0) continue;
    wrong++;
    if (over > worstExcess) [worst, worstExcess] = [i, over];
  }
  if (wrong === 0) return;
  const { rtol, atol } = tolerance;
  throw new Error(
    `${label}: ${wrong} of ${want.length} elements differ by more than ${atol} + ${rtol} * |want|; ` +
      `worst at [${worst}]: got ${got[worst]}, want ${want[worst]}`,
  );
}

/** Whether `expectClose` would pass. */
export function isClose(got: ArrayLike<number>, want: Float64Array, tolerance: Tolerance): boolean {
  return got.length === want.length && want.every((v, i) => excess(got[i]!, v, tolerance) <= 0);
}
