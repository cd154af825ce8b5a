// How quantities are kept within their limits.

export const clamp = (x: number, low: number, high: number): number =>
  Math.min(Math.max(x, low), high);

/** The same angle in [-π, π). */
export function wrapAngle(angle: number): number {
  const turn = 2 * Math.PI;
  return ((((angle + Math.PI) % turn) + turn) % turn) - Math.PI;
}
