// GPU memory: a pool of storage buffers by size class, with exact counters.
//
// A freed block goes back to its class and may serve the next dispatch at once: the commands of one queue run in
// order. An upload must wait until the block's last recorded use was submitted; `lastBatch` is there for that.

import { LimitError, OutOfMemoryError } from '../errors.ts';
import type { CapturedBlocks } from './captured_blocks.ts';

export const USAGE = {
  MAP_READ: 1,
  COPY_SRC: 4,
  COPY_DST: 8,
  UNIFORM: 64,
  STORAGE: 128,
  QUERY_RESOLVE: 512,
};

/** A GPU buffer of the pool. Opaque above this layer. */
export interface Block {
  readonly id: number;
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  /** The batch that last recorded a use of it. */
  lastBatch: number;
  /** Counts the writes to it. */
  version: number;
  /** A storage that lives in it, and every capture that replays on it. At 0 it is the pool's. */
  holders: number;
  /** The GPU had no memory for it. */
  broken: boolean;
}

export interface MemoryCounters {
  /** Bytes of blocks in use. */
  bytesInUse: number;
  /** Bytes of freed blocks that wait in the pool. */
  bytesPooled: number;
  /** The largest sum of the two so far. */
  peakBytes: number;
  /** Buffers that exist, in use or pooled. */
  buffers: number;
  /** Buffers created so far; it stands still once a training loop has warmed up. */
  buffersCreated: number;
}

/** The size of the class that holds `bytes`: four classes to a doubling, at least 256 bytes. */
export function sizeClass(bytes: number): number {
  const atLeast = Math.max(256, bytes);
  const step = Math.max(256, 2 ** (Math.ceil(Math.log2(atLeast)) - 3));
  return Math.ceil(atLeast / step) * step;
}

export class BufferPool {
  readonly counters: MemoryCounters = {
    bytesInUse: 0,
    bytesPooled: 0,
    peakBytes: 0,
    buffers: 0,
    buffersCreated: 0,
  };
  /** The capture under way: what it frees serves it alone. */
  capturing: CapturedBlocks | null = null;
  private readonly free = new Map<number, Block[]>();
  private nextId = 1;
  /** Created since the last settled work. */
  private fresh: Block[] = [];
  /** The creation under way, if any. */
  private creating: { failed: boolean } | null = null;

  constructor(
    private readonly device: GPUDevice,
    private readonly limits: { readonly maxBufferSize: number },
    /** Called before buffers are destroyed: recorded work that uses them must be submitted by then. */
    private readonly beforeDestroy: () => void,
    /** Told of each buffer that is destroyed, so that bind groups do not keep it alive. */
    private readonly onDestroy: (block: Block) => void,
  ) {}

  acquire(bytes: number): Block {
    // The limit is checked against the request; a class that would overshoot it falls back to the exact size.
    if (bytes > this.limits.maxBufferSize) {
      throw new LimitError(
        `a buffer of ${bytes} bytes exceeds this adapter's maxBufferSize of ${this.limits.maxBufferSize}; split the tensor`,
      );
    }
    const size = Math.min(sizeClass(bytes), Math.floor(this.limits.maxBufferSize / 4) * 4);
    const reused = this.capturing?.take(size);
    if (reused) return hold(reused);
    const block = this.free.get(size)?.pop();
    if (block) this.counters.bytesPooled -= size;
    this.counters.bytesInUse += size;
    const total = this.counters.bytesInUse + this.counters.bytesPooled;
    this.counters.peakBytes = Math.max(this.counters.peakBytes, total);
    try {
      const own = hold(block ?? this.create(size));
      this.capturing?.own(own);
      return own;
    } catch (error) {
      this.counters.bytesInUse -= size;
      throw error;
    }
  }

  /** Ends one hold on the block. With the last one it is free: for the capture under way, or for all. */
  release(block: Block): void {
    block.holders--;
    if (block.holders > 0 || this.capturing?.keep(block)) return;
    this.counters.bytesInUse -= block.bytes;
    if (block.broken) {
      this.destroy(block);
      return;
    }
    this.counters.bytesPooled += block.bytes;
    const list = this.free.get(block.bytes);
    if (list) list.push(block);
    else this.free.set(block.bytes, [block]);
  }

  /** What a finished capture holds until it is disposed: the blocks it used, and those that it took and freed. */
  endCapture(captured: CapturedBlocks, used: Iterable<Block>): Block[] {
    this.capturing = null;
    const blocks = new Set([...used, ...captured.idle()]);
    for (const block of blocks) hold(block);
    // What was there before and was freed meanwhile: free now, unless the capture uses it.
    for (const block of captured.parked) this.release(hold(block));
    return [...blocks];
  }

  /** Destroys the pooled blocks. */
  trim(): void {
    this.beforeDestroy();
    for (const list of this.free.values()) {
      for (const block of list) {
        this.counters.bytesPooled -= block.bytes;
        this.destroy(block);
      }
    }
    this.free.clear();
  }

  /** All work so far succeeded: the blocks are sound. */
  settled(): void {
    this.fresh = [];
  }

  /**
   * The GPU ran out of memory. While a buffer is being created, that is handled here: true. Else the error came late,
   * and every block made since the last settled work may be invalid: they are not used again.
   */
  outOfMemory(): boolean {
    if (this.creating) {
      this.creating.failed = true;
      return true;
    }
    for (const block of this.fresh) block.broken = true;
    this.settled();
    this.trim();
    return false;
  }

  private create(size: number): Block {
    let buffer = this.tryCreate(size);
    if (!buffer) {
      this.trim();
      buffer = this.tryCreate(size);
    }
    if (!buffer) {
      const { bytesInUse } = this.counters;
      throw new OutOfMemoryError(`no GPU memory for ${size} bytes with ${bytesInUse} in use`);
    }
    this.counters.buffers++;
    this.counters.buffersCreated++;
    const block = newBlock(this.nextId++, buffer, size);
    this.fresh.push(block);
    return block;
  }

  /** Drivers tell of missing memory by an exception, by an error while they create the buffer, or by one later. */
  private tryCreate(size: number): GPUBuffer | null {
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const attempt = { failed: false };
    this.creating = attempt;
    try {
      const buffer = this.device.createBuffer({ size, usage, label: `pool ${size}` });
      return attempt.failed ? null : buffer;
    } catch {
      return null;
    } finally {
      this.creating = null;
    }
  }

  private destroy(block: Block): void {
    this.counters.buffers--;
    this.onDestroy(block);
    block.buffer.destroy();
  }
}

/** A block as it is when its buffer is new. */
export function newBlock(id: number, buffer: GPUBuffer, bytes: number): Block {
  return { id, buffer, bytes, lastBatch: 0, version: 0, holders: 0, broken: false };
}

function hold(block: Block): Block {
  block.holders++;
  return block;
}
