// Kernels in which every element stands for itself: how many of them a thread and a workgroup take, how their operands'
// axes are walked, and where vectors of four can stand in for elements: loads cost by their number, not their size.

import type { Constants } from '../gpu/wgsl.ts';
import { collapse, type Shape } from '../tensor/shape.ts';
import type { Runtime } from '../tensor/tensor.ts';

export interface Spans {
  readonly workgroups: number;
  /** Of lib/elements.wgsl. */
  readonly constants: Constants;
}

/**
 * Copies on lavapipe run two and a half times as fast with 8 threads of 64 vectors as with 64 threads of one; sums of
 * single elements seven times as fast with 8 threads of 256 as with 64 threads of one.
 */
const CPU = { threads: 8, perThread: 256 };
const GPU = { threads: 64, perThread: 4 };

/** Spans of `count` elements, or of vectors of `width` elements. */
export function spansOf({ gpu }: Runtime, count: number, width: Width = 1): Spans {
  const { threads, perThread } = gpu.adapter.software ? CPU : GPU;
  const each = perThread / width;
  return {
    workgroups: Math.ceil(count / (threads * each)),
    constants: { SPAN_THREADS: threads, SPAN_PER_THREAD: each },
  };
}

/** Elements of a vector. */
export type Width = 1 | 4;

/** Vectors of four where `size` elements in a row are whole ones. */
export const widthFor = (size: number): Width => (size % 4 === 0 ? 4 : 1);

/** The type of such a vector in WGSL. */
export const vectorOf = (type: string, width: Width): string =>
  width === 4 ? `vec4<${type}>` : type;

/** For kernels whose functions take single elements: they loop over the WIDTH elements of a Vector. */
export const vectorConstants = (width: Width): Constants =>
  width === 4 ? { WIDTH: 4, Vector: 'vec4<Element>' } : {};

/** An operand of a shape: its strides along the axes, and where it starts in its binding. */
export interface Strided {
  readonly strides: readonly number[];
  readonly start: number;
}

/** How a kernel walks operands of one shape. All but `width` in vectors. */
export interface Walk {
  readonly width: Width;
  readonly size: number;
  /** The axes, merged. */
  readonly shape: readonly number[];
  readonly rank: number;
  /** Of each operand. */
  readonly strides: readonly (readonly number[])[];
  readonly starts: readonly number[];
}

/** In vectors of four where all operands have whole ones side by side. */
export function walkOf(shape: Shape, operands: readonly Strided[]): Walk {
  const merged = collapse(
    shape,
    operands.map(({ strides }) => strides),
  );
  const starts = operands.map(({ start }) => start);
  const size = merged.shape.reduce((product, n) => product * n, 1);
  const last = merged.shape.length - 1;
  const outer = merged.strides.flatMap((strides) => strides.slice(0, last));
  const whole =
    last >= 0 &&
    merged.strides.every((strides) => strides[last] === 1) &&
    [merged.shape[last]!, ...outer, ...starts].every((n) => n % 4 === 0);
  if (!whole) return { width: 1, size, ...merged, starts };
  return {
    width: 4,
    size: size / 4,
    shape: merged.shape.with(last, merged.shape[last]! / 4),
    rank: merged.rank,
    strides: merged.strides.map((strides) => strides.map((s, axis) => (axis === last ? 1 : s / 4))),
    starts: starts.map((start) => start / 4),
  };
}
