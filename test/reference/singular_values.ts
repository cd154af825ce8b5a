// Singular values by one-sided Jacobi rotations (Hestenes 1958), float64.

type Shape = readonly [rows: number, columns: number];

/** Of a row-major matrix [rows, columns], largest first: min(rows, columns) of them matter, the others are 0. */
export function singularValues(matrix: ArrayLike<number>, shape: Shape): number[] {
  return orthogonalColumns(matrix, shape).map(lengthOf);
}

/** Singular vectors of the columns' space, each [rows], that of the largest singular value first. */
export function leftSingularVectors(matrix: ArrayLike<number>, shape: Shape): Float64Array[] {
  return orthogonalColumns(matrix, shape).map((c) => {
    const length = lengthOf(c);
    return c.map((x) => x / length);
  });
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const lengthOf = (c: Float64Array) => Math.sqrt(dot(c, c));

/** The columns of the matrix times an orthogonal one, so that they are orthogonal: the longest first. */
function orthogonalColumns(matrix: ArrayLike<number>, [rows, columns]: Shape): Float64Array[] {
  const column = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j]!),
  );
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) rotated = rotate(column[p]!, column[q]!) || rotated;
    }
  }
  return column.sort((a, b) => dot(b, b) - dot(a, a));

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
