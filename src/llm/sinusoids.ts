// Fixed positions (Vaswani et al. 2017): sin and cos of the position at geometrically falling frequencies.

/**
 * [context, width], rows one after another, in float64: row p holds sin(p w_i) at 2i and cos(p w_i) at 2i + 1, with
 * w_i = 10000^(-2i / width). `width` is even.
 */
export function sinusoidalPositions(context: number, width: number): Float64Array {
  const table = new Float64Array(context * width);
  for (let p = 0; p < context; p++) {
    for (let i = 0; i < width / 2; i++) {
      const angle = p * 10000 ** ((-2 * i) / width);
      table[p * width + 2 * i] = Math.sin(angle);
      table[p * width + 2 * i + 1] = Math.cos(angle);
    }
  }
  return table;
}
