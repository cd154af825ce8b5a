// The blocks of a capture under way. What the captured function frees serves the function again, and nobody else: its
// replays run in the same order, so that they may share memory as the function did.

import type { Block } from './buffers.ts';

export class CapturedBlocks {
  /** Freed during the capture though not taken by it: a replay may read them, so nothing else may write them. */
  readonly parked: Block[] = [];
  private readonly taken = new Set<Block>();
  private readonly free = new Map<number, Block[]>();

  /** A block that the captured function has freed. */
  take(size: number): Block | undefined {
    return this.free.get(size)?.pop();
  }

  own(block: Block): void {
    this.taken.add(block);
  }

  /** Holds back a block that is freed; false for one that is broken. */
  keep(block: Block): boolean {
    if (block.broken) return false;
    const list = this.taken.has(block) ? this.listOf(block.bytes) : this.parked;
    list.push(block);
    return true;
  }

  /** What it has taken and not given away. */
  idle(): Block[] {
    return [...this.free.values()].flat();
  }

  private listOf(bytes: number): Block[] {
    const list = this.free.get(bytes) ?? [];
    this.free.set(bytes, list);
    return list;
  }
}
