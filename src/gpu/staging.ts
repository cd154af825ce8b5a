// Buffers that results are copied to so that the CPU can map them. Small ones are kept for the next read-back.

import { sizeClass, USAGE } from './buffers.ts';

const LARGEST_KEPT = 1 << 22; // bytes

export class StagingPool {
  private readonly free = new Map<number, GPUBuffer[]>();

  constructor(
    private readonly device: GPUDevice,
    private readonly limits: { readonly maxBufferSize: number },
  ) {}

  /** Copies with `fill`, waits for the mapping with `settle`, and gives what `take` makes of the mapped bytes. */
  async read<T>(
    bytes: number,
    fill: (destination: GPUBuffer) => void,
    settle: (mapping: Promise<undefined>) => Promise<undefined>,
    take: (mapped: ArrayBuffer) => T,
  ): Promise<T> {
    const size = Math.min(sizeClass(bytes), this.limits.maxBufferSize);
    const buffer = this.free.get(size)?.pop() ?? this.create(size);
    let whole = false;
    try {
      fill(buffer);
      await settle(buffer.mapAsync(1, 0, bytes));
      const result = take(buffer.getMappedRange(0, bytes));
      buffer.unmap();
      whole = true;
      return result;
    } finally {
      if (whole && size <= LARGEST_KEPT) this.keep(size, buffer);
      else buffer.destroy();
    }
  }

  private keep(size: number, buffer: GPUBuffer): void {
    const list = this.free.get(size);
    if (list) list.push(buffer);
    else this.free.set(size, [buffer]);
  }

  private create(size: number): GPUBuffer {
    const usage = USAGE.MAP_READ | USAGE.COPY_DST;
    return this.device.createBuffer({ size, usage, label: 'read-back' });
  }
}
