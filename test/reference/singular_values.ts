// Singular values by one-sided Jacobi rotations (Hestenes 1958), float64.

/** Of a row-major matrix [rows, columns], largest first: min(rows, columns) of them matter, the others are 0. */
export function singularValues(
  matrix: ArrayLike<number>,
  [rows, columns]: readonly [number, number],
): number[] {
  const column = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j]!),
  );
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) rotated = rotate(column[p]!, column[q]!) || rotated;
    }
  }
  return column.map((c) => Math.sqrt(dot(c, c))).sort((a, b) => b - a);

  /** Makes two columns orthogonal; false where they were. */
  function rotate(x: Float64Array, y: Float64Array): boolean {
    const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)];
    if (Math.abs(xy) <= 1e-15 * Math.sqrt(xx * yy)) return false;
    const zeta = (yy - xx) / (2 * xy);
    const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
    const cos = 1 / Math.sqrt(1 + t * t);
    const sin = cos * t;
    for (let i = 0; i < rows; i++) {
      [x[i], y[i]] = [cos * x[i]! - sin * y[i]!, sin * x[i]! + cos * y[i]!];
    }
    return true;
  }
}
