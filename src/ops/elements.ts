// Kernels in which every element stands for itself: how many of them a thread and a workgroup take.

import type { Constants } from '../gpu/wgsl.ts';
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
export function spansOf({ gpu }: Runtime, count: number, width: 1 | 4 = 1): Spans {
  const { threads, perThread } = gpu.adapter.software ? CPU : GPU;
  const each = perThread / width;
  return {
    workgroups: Math.ceil(count / (threads * each)),
    constants: { SPAN_THREADS: threads, SPAN_PER_THREAD: each },
  };
}
