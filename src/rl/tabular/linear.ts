// A x = b, by elimination with the largest pivot of each column.

/**
 * @param matrix [n, n] row-major; overwritten
 * @param b [n]; overwritten with x
 * @returns x, or null where the matrix is singular up to rounding
 */
export function solveLinear(matrix: Float64Array, b: Float64Array): Float64Array | null {
  const n = b.length;
  const size = matrix.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) {
      if (Math.abs(matrix[i * n + k]!) > Math.abs(matrix[pivot * n + k]!)) pivot = i;
    }
    if (!(Math.abs(matrix[pivot * n + k]!) > n * Number.EPSILON * size)) return null;
    if (pivot !== k) swapRows(matrix, b, k, pivot);
    for (let i = k + 1; i < n; i++) {
      const factor = matrix[i * n + k]! / matrix[k * n + k]!;
      if (factor === 0) continue; // most are, where few states follow a state
      for (let j = k; j < n; j++) matrix[i * n + j]! -= factor * matrix[k * n + j]!;
      b[i]! -= factor * b[k]!;
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) b[k]! -= matrix[k * n + j]! * b[j]!;
    b[k]! /= matrix[k * n + k]!;
  }
  return b;
}

function swapRows(matrix: Float64Array, b: Float64Array, i: number, j: number): void {
  const n = b.length;
  const row = matrix.slice(i * n, (i + 1) * n);
  matrix.copyWithin(i * n, j * n, (j + 1) * n);
  matrix.set(row, j * n);
  [b[i], b[j]] = [b[j]!, b[i]!];
}
