// GPU time per kernel label. Timestamps can be written only where a pass begins and ends, so while a region is
// timed each dispatch has a pass of its own. Without timestamp queries only the wall time is known, and said so.

import { USAGE } from './buffers.ts';

export interface KernelTime {
  readonly label: string;
  readonly count: number;
  readonly microseconds: number;
}

export interface Timing {
  /** Where the kernels' times come from; 'wall' means that the adapter has no timestamp queries. */
  readonly source: 'timestamp' | 'wall';
  readonly wallMicroseconds: number;
  /** Slowest first; empty without timestamps. */
  readonly kernels: readonly KernelTime[];
}

const MAX_DISPATCHES = 2048; // two queries each; a query set holds 4096

/** The timestamps of one batch. */
export class BatchTimer {
  private readonly labels: string[] = [];
  private readonly queries: GPUQuerySet;

  constructor(private readonly device: GPUDevice) {
    this.queries = device.createQuerySet({ type: 'timestamp', count: 2 * MAX_DISPATCHES });
  }

  get full(): boolean {
    return this.labels.length >= MAX_DISPATCHES;
  }

  /** The timestamps of the next pass, which will run the kernel `label`. */
  next(label: string): GPUComputePassTimestampWrites {
    const at = 2 * this.labels.push(label) - 2;
    return { querySet: this.queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Adds the resolve to `encoder`; the returned function, called after the submit, reads nanoseconds per label. */
  resolve(encoder: GPUCommandEncoder): () => Promise<[label: string, nanoseconds: number][]> {
    const count = 2 * this.labels.length;
    const size = Math.max(8, 8 * count);
    const resolved = this.device.createBuffer({
      size,
      usage: USAGE.QUERY_RESOLVE | USAGE.COPY_SRC,
    });
    const staging = this.device.createBuffer({ size, usage: USAGE.MAP_READ | USAGE.COPY_DST });
    if (count > 0) encoder.resolveQuerySet(this.queries, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return async () => {
      await staging.mapAsync(1);
      const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
      for (const buffer of [resolved, staging]) buffer.destroy();
      this.queries.destroy();
      return this.labels.map((label, i) => [label, Number(ticks[2 * i + 1]! - ticks[2 * i]!)]);
    };
  }
}

/** Sums nanoseconds per label. */
export function summarise(samples: Iterable<[string, number]>): KernelTime[] {
  const totals = new Map<string, { count: number; microseconds: number }>();
  for (const [label, nanoseconds] of samples) {
    const total = totals.get(label) ?? { count: 0, microseconds: 0 };
    total.count++;
    total.microseconds += nanoseconds / 1000;
    totals.set(label, total);
  }
  return [...totals]
    .map(([label, total]) => ({ label, ...total }))
    .sort((a, b) => b.microseconds - a.microseconds);
}
