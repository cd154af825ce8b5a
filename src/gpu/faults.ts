// Mistakes that only the GPU sees, such as an id out of range: a kernel stores a code in the fault word of its device,
// and the next awaited call throws what the code stands for. The word travels with each read-back, so that looking at
// it costs no round trip.

import { DataError } from '../errors.ts';
import { type Block, newBlock, USAGE } from './buffers.ts';
import type { Binding } from './pipelines.ts';

const WORD_BYTES = 4;

export class Faults {
  private readonly block: Block;
  private readonly messages: string[] = [];

  constructor(device: GPUDevice) {
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const buffer = device.createBuffer({ size: WORD_BYTES, usage, label: 'fault' });
    this.block = newBlock(0, buffer, WORD_BYTES); // the pool counts its blocks from 1
    this.block.holders = 1; // never the pool's
  }

  /** The word, as the last output of a kernel that may report a fault. */
  get binding(): Binding {
    return { block: this.block, offset: 0, bytes: WORD_BYTES };
  }

  /** What the kernel has to store, if the word is still 0, to report this message. */
  code(message: string): number {
    const known = this.messages.indexOf(message);
    return known >= 0 ? known + 1 : this.messages.push(message);
  }

  /** Moves the word to byte `at` of `destination`: copies it and starts again at 0. */
  moveTo(destination: GPUBuffer, at: number, encoder: GPUCommandEncoder): void {
    encoder.copyBufferToBuffer(this.block.buffer, 0, destination, at, WORD_BYTES);
    encoder.clearBuffer(this.block.buffer, 0, WORD_BYTES);
  }

  /** @throws DataError unless the word is 0. */
  check(word: number): void {
    if (word > 0) throw new DataError(this.messages[word - 1]);
  }
}
