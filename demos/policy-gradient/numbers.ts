// How numbers are written.

/** Two digits after the point, and no more than are needed. */
export const signed = (value: number): string =>
  String(Number(value.toFixed(2)) || 0).replace('-', '−');
