/** T whole numbers from [0, limit), by a fixed linear congruential generator; low ones are frequent, as in text. */
export function randomIds(T: number, limit: number): Int32Array {
  let state = 12345;
  return Int32Array.from({ length: T }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) ** 2 * limit);
  });
}
