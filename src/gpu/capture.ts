// Capture and replay: the dispatches of a function, kept as flat lists, so that running it again costs the encoding
// alone. A replay makes no object per dispatch and does no tensor, pool or parameter work.
//
// The parameters lie in an arena of the capture's own, uploaded once: all that changes between replays lies in tensors.

import { CaptureError } from '../errors.ts';
import { type Block, USAGE } from './buffers.ts';
import { CapturedBlocks } from './captured_blocks.ts';
import type { Pipeline } from './pipelines.ts';
import { MAX_PARAMS_BYTES, PARAMS_ALIGN } from './wgsl.ts';

/** Dispatches in their order; lists of one length where nothing else is said. */
export interface CommandList {
  readonly pipelines: readonly Pipeline[];
  readonly groups: readonly GPUBindGroup[];
  /** Where each finds its parameters in the arena, in bytes. */
  readonly offsets: Uint32Array;
  /** Workgroups along x and y: two entries per dispatch. */
  readonly workgroups: Uint32Array;
  /** The arena; null when no kernel takes parameters. */
  readonly paramsGroup: GPUBindGroup | null;
  /** The number of dispatches before the end of each submit: long lists are split, for watchdogs. */
  readonly ends: readonly number[];
  /** Every block that a kernel writes. */
  readonly written: readonly Block[];
}

/** A captured function. */
export interface Capture {
  /** Hands its dispatches to the GPU once more. */
  replay(): void;
  /** Gives back the memory that it holds. */
  dispose(): void;
}

/** What a capture under way has seen. */
export class Recorder {
  readonly blocks = new CapturedBlocks();
  /** Every block that a kernel is bound to. */
  readonly used = new Set<Block>();
  private readonly pipelines: Pipeline[] = [];
  private readonly groups: GPUBindGroup[] = [];
  private readonly offsets: number[] = [];
  private readonly workgroups: number[] = [];
  private readonly ends: number[] = [];
  private readonly written = new Set<Block>();
  private params = new Uint8Array(1 << 14);
  private paramsUsed = 0;
  private refusal: CaptureError | null = null;

  /** Appends a dispatch; `params` is its struct, empty where the kernel has none. */
  add(
    pipeline: Pipeline,
    group: GPUBindGroup,
    params: Uint8Array<ArrayBuffer>,
    [x, y]: readonly [number, number],
  ): void {
    this.pipelines.push(pipeline);
    this.groups.push(group);
    this.offsets.push(params.length > 0 ? this.keep(params) : 0);
    this.workgroups.push(x, y);
  }

  /** Notes what a dispatch is bound to. */
  bind(block: Block, writes: boolean): void {
    this.used.add(block);
    if (writes) this.written.add(block);
  }

  /** A submit ends here. */
  split(): void {
    if (this.ends.at(-1) !== this.pipelines.length) this.ends.push(this.pipelines.length);
  }

  /** @throws CaptureError, now and at the end of the capture: a replay would not do what the function does. */
  refuse(reason: string): never {
    this.refusal ??= new CaptureError(`capture: the function cannot be replayed: ${reason}`);
    throw this.refusal;
  }

  /** @throws CaptureError when something was refused, also where the function caught it. */
  check(): void {
    if (this.refusal) throw this.refusal;
  }

  /** The finished list; its arena is the caller's to destroy. */
  finish(
    device: GPUDevice,
    paramsLayout: GPUBindGroupLayout,
  ): { list: CommandList; arena: GPUBuffer | null } {
    this.split();
    const arena = this.paramsUsed > 0 ? this.makeArena(device) : null;
    const resource = arena && { buffer: arena, size: MAX_PARAMS_BYTES };
    const list = {
      pipelines: this.pipelines,
      groups: this.groups,
      offsets: Uint32Array.from(this.offsets),
      workgroups: Uint32Array.from(this.workgroups),
      paramsGroup:
        resource &&
        device.createBindGroup({ layout: paramsLayout, entries: [{ binding: 0, resource }] }),
      ends: this.ends,
      written: [...this.written],
    };
    return { list, arena };
  }

  private keep(params: Uint8Array<ArrayBuffer>): number {
    const at = this.paramsUsed;
    this.paramsUsed += Math.ceil(params.length / PARAMS_ALIGN) * PARAMS_ALIGN;
    if (this.paramsUsed > this.params.length) {
      const grown = new Uint8Array(2 * this.paramsUsed);
      grown.set(this.params);
      this.params = grown;
    }
    this.params.set(params, at);
    return at;
  }

  private makeArena(device: GPUDevice): GPUBuffer {
    const size = this.paramsUsed + MAX_PARAMS_BYTES; // the last binding sees as many bytes as the first
    const usage = USAGE.UNIFORM | USAGE.COPY_DST;
    const arena = device.createBuffer({ size, usage, label: 'captured params' });
    device.queue.writeBuffer(arena, 0, this.params, 0, this.paramsUsed);
    return arena;
  }
}
