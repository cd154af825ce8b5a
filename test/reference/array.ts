// A small float64 n-dimensional array, row-major, for the references that the kernels are checked against.
// Every view (broadcast, permute, slice, …) and every reduction is one table of offsets: forward reads or adds
// through the table, backward goes through it the other way.

/** A dense row-major array: `data.length` is the product of `shape`. */
export interface Ref {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export type DType = 'f32' | 'i32' | 'u32';

/** What is uploaded as a tensor: the values are exact in `dtype`. */
export interface Input extends Ref {
  readonly dtype: DType;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}

export function zeros(shape: readonly number[]): Ref {
  return { shape, data: new Float64Array(sizeOf(shape)) };
}

export function scalar(value: number): Ref {
  return { shape: [], data: Float64Array.of(value) };
}

/** Element by element: `f(value, flat index)`. */
export function map(x: Ref, f: (value: number, index: number) => number): Ref {
  return { shape: x.shape, data: x.data.map(f) };
}

export function maxAbs(...arrays: (Ref | undefined)[]): number {
  let top = 0;
  for (const array of arrays) {
    for (const value of array?.data ?? []) {
      if (Number.isFinite(value)) top = Math.max(top, Math.abs(value));
    }
  }
  return top;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  }
  return strides;
}

/** The offset Σ index·stride + start of every index of `shape`, in row-major order. */
export function offsets(
  shape: readonly number[],
  strides: readonly number[],
  start = 0,
): Int32Array {
  const table = new Int32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  let offset = start;
  for (let i = 0; i < table.length; i++) {
    table[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return table;
}

/** out[i] = x[table[i]] */
export function take(x: Ref, table: Int32Array, shape: readonly number[]): Ref {
  const out = zeros(shape);
  for (let i = 0; i < table.length; i++) out.data[i] = x.data[table[i]!]!;
  return out;
}

/** dx[table[i]] += dout[i]: the transpose of `take`. */
export function scatterAdd(dout: Ref, table: Int32Array, shape: readonly number[]): Ref {
  const dx = zeros(shape);
  for (let i = 0; i < table.length; i++) dx.data[table[i]!]! += dout.data[i]!;
  return dx;
}

/** NumPy's rule: shapes are aligned at the right, a length of 1 is repeated. */
export function broadcastShape(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const lengths = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    return lengths.find((length) => length !== 1) ?? 1;
  });
}

/** For every element of the broadcast `shape`, the offset in an array of shape `from`. */
export function broadcastTable(from: readonly number[], shape: readonly number[]): Int32Array {
  const strides = stridesOf(from);
  const lead = shape.length - from.length;
  return offsets(
    shape,
    shape.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]!)),
  );
}

export type Axis = number | readonly number[] | undefined;

/** A partition of the elements of an array by reducing some of its axes. */
export interface Groups {
  readonly table: Int32Array; // element of x -> element of the result
  readonly length: number; // elements per group
  readonly shape: readonly number[]; // of the result
}

/** Axes may be negative; `undefined` reduces all of them. */
export function groupsOf(shape: readonly number[], axis: Axis, keepDims = false): Groups {
  const list = axis === undefined ? shape.map((_, i) => i) : [axis].flat();
  const reduced = new Set(list.map((i) => (i < 0 ? i + shape.length : i)));
  const kept = shape.map((length, i) => (reduced.has(i) ? 1 : length));
  return {
    table: broadcastTable(kept, shape),
    length: sizeOf(shape.filter((_, i) => reduced.has(i))),
    shape: keepDims ? kept : shape.filter((_, i) => !reduced.has(i)),
  };
}

/** x seen as (outer, length, inner) around one axis: element (o, i, n) is at (o * length + i) * inner + n. */
export function aroundAxis(shape: readonly number[], axis: number) {
  const at = axis < 0 ? axis + shape.length : axis;
  return {
    outer: sizeOf(shape.slice(0, at)),
    length: shape[at]!,
    inner: sizeOf(shape.slice(at + 1)),
    at,
  };
}
