// Tensor: a strided view of GPU memory, and its place in the autodiff graph.

import { DTypeError, ShapeError, TensorError } from '../errors.ts';
import type { Block } from '../gpu/buffers.ts';
import type { Context } from '../gpu/context.ts';
import { BYTES, type DataOf, type DType, decode, encode, isFloat } from './dtype.ts';
import { track } from './scope.ts';
import { checkShape, denseStrides, format, isDense, type Shape, sizeOf } from './shape.ts';
import type { Edge } from './tape.ts';

// Browsers that have WebGPU but not `using` (Chrome before 134, Safari) look the method up by this name.
if (!Symbol.dispose) Object.assign(Symbol, { dispose: Symbol.for('Symbol.dispose') });

/** What the tensor layer needs of the layer above it. */
export interface Runtime {
  readonly gpu: Context;
  /** Tensors alive, for `memory()`. */
  tensorCount: number;
  /** A row-major copy, or the tensor itself when it is one already. */
  dense(x: Tensor): Tensor;
  /** A row-major copy in memory of its own. */
  copy(x: Tensor): Tensor;
  /** All elements 1. */
  ones(shape: Shape, options: { dtype: DType }): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  /** target += x, in place and outside the tape. */
  addInPlace(target: Tensor, x: Tensor): void;
}

/** What values are rounded to that share a u32: IEEE halves, bfloat16, or bytes with a scale per row. */
export type PackedType = 'f16' | 'bf16' | 'int8';

/** GPU memory shared by the views of it. */
export class Storage {
  /** Tensors (and tape entries) that hold it. */
  private holders = 0;
  /** Of u32 that hold a frozen weight's values, in what (`packWeight`). */
  packed: PackedType | null = null;

  /** `block` is null when there is nothing to store. */
  constructor(
    private readonly runtime: Runtime,
    readonly block: Block | null,
    /** Of the elements that are stored. */
    readonly bytes: number,
  ) {}

  /** Whether more than one holder sees the memory. */
  get shared(): boolean {
    return this.holders > 1;
  }

  /** Counts writes: backward refuses a saved tensor that was changed since. */
  get version(): number {
    return this.block?.version ?? 0;
  }

  hold(): this {
    this.holders++;
    return this;
  }

  release(): void {
    if (--this.holders === 0 && this.block) this.runtime.gpu.pool.release(this.block);
  }
}

/** Tensors that were made outside any scope and are forgotten give their memory back here; scopes do not need it. */
const safetyNet = new FinalizationRegistry<{ storage: Storage; runtime: Runtime }>(
  ({ storage, runtime }) => {
    storage.release();
    runtime.tensorCount--;
  },
);

/**
 * An n-dimensional array on the GPU. Made by a device's factories and by ops; several tensors may be views of one
 * memory. Freed by its scope, by `dispose()`, by `using`, or (late) by the garbage collector.
 */
export class Tensor {
  /** Accumulated gradient of a tensor that requires one; set by `backward`. */
  grad: Tensor | null = null;
  /** Where the gradient flows; null for constants. Internal. */
  edge: Edge | null = null;
  /** Survives the scope it was made in: parameters and gradients do. Internal. */
  kept = false;
  private held: Storage | null;
  private start: number;

  /** Internal: use `device.tensor`, `device.zeros` and the ops. Offset and strides count elements. */
  constructor(
    readonly runtime: Runtime,
    storage: Storage,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly strides: readonly number[] = denseStrides(shape),
    offset = 0,
  ) {
    this.held = storage.hold();
    this.start = offset;
    runtime.tensorCount++;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  get requiresGrad(): boolean {
    return this.edge !== null;
  }

  get disposed(): boolean {
    return this.held === null;
  }

  /** First element's index in the storage. */
  get offset(): number {
    return this.start;
  }

  /** Whether the elements lie row-major without gaps. */
  get isDense(): boolean {
    return isDense(this.shape, this.strides);
  }

  /** @throws TensorError after disposal. */
  get storage(): Storage {
    if (this.held) return this.held;
    throw new TensorError(
      `a tensor of shape ${format(this.shape)} is used after it was disposed; return it from its scope, or keep it with requireGrad()`,
    );
  }

  /** Reads all elements back, row-major. @throws DeviceLostError, or the first GPU error since the last read. */
  async data(): Promise<DataOf> {
    const { gpu } = this.runtime;
    if (this.size === 0) return decode(new ArrayBuffer(0), this.dtype, 0);
    const dense = this.runtime.dense(this);
    const bytes = BYTES[this.dtype];
    // Copies start and end on multiples of 4 bytes; a view of halves may not.
    const begin = Math.floor((dense.offset * bytes) / 4) * 4;
    const end = Math.ceil(((dense.offset + this.size) * bytes) / 4) * 4;
    const reading = gpu.read(dense.storage.block!, begin, end - begin);
    if (dense !== this) dense.dispose();
    const buffer = await reading;
    const skip = dense.offset * bytes - begin;
    return decode(skip ? buffer.slice(skip) : buffer, this.dtype, this.size);
  }

  /** The only element. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError(`item: needs exactly one element, got shape ${format(this.shape)}`);
    return (await this.data())[0]!;
  }

  /** Overwrites all elements in place, outside the tape. Values row-major, as many as the tensor has. */
  write(values: ArrayLike<number>): void {
    if (values.length !== this.size) {
      throw new ShapeError(
        `write: ${values.length} values for a tensor of shape ${format(this.shape)}`,
      );
    }
    const bytes = encode(values, this.dtype);
    const at = this.offset * BYTES[this.dtype];
    // An odd number of halves is padded to 4 bytes, which only the end of the memory has room for.
    const end = at + this.size * BYTES[this.dtype];
    const fits = at % 4 === 0 && (end % 4 === 0 || end === this.storage.bytes);
    if (!this.isDense || !fits) {
      throw new ShapeError(
        'write: needs a tensor whose elements lie row-major; for a view use writeAt',
      );
    }
    if (this.size > 0) this.runtime.gpu.write(this.storage.block!, at, bytes);
  }

  /**
   * Marks a leaf whose gradient `backward` shall accumulate in `grad`; the tensor outlives its scope.
   * With `on = false` a parameter is frozen: it keeps its values and is not trained.
   */
  requireGrad(on = true): this {
    if (!isFloat(this.dtype))
      throw new DTypeError(`requireGrad: only floats have gradients, got ${this.dtype}`);
    if (this.edge && !('leaf' in this.edge)) {
      throw new TensorError(
        'requireGrad: the tensor was computed from others that have gradients; detach() it first',
      );
    }
    this.edge = on ? { leaf: this } : null;
    this.kept = true;
    return this;
  }

  /** The same memory, outside the graph. */
  detach(): Tensor {
    return this.alias(this.shape, this.strides, this.offset);
  }

  /** A view of the same memory with other geometry, outside the graph. Internal. */
  alias(shape: Shape, strides: readonly number[], offset: number): Tensor {
    return track(new Tensor(this.runtime, this.storage, shape, this.dtype, strides, offset));
  }

  /** Moves the tensor's content elsewhere: optimisers gather parameters in slabs. Internal. */
  rebind(storage: Storage, offset: number): void {
    const old = this.storage;
    this.held = storage.hold();
    this.start = offset;
    old.release();
    if (safetyNet.unregister(this)) this.leaveToCollector();
  }

  /** Frees the memory when no other view holds it. Safe to call twice. */
  dispose(): void {
    if (!this.held) return;
    this.held.release();
    this.held = null;
    this.runtime.tensorCount--;
    safetyNet.unregister(this);
    this.grad?.dispose();
    this.grad = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Lets the garbage collector free the tensor: it has no scope that would. Internal. */
  leaveToCollector(): void {
    if (this.held) safetyNet.register(this, { storage: this.held, runtime: this.runtime }, this);
  }
}

/** A new tensor with memory of its own, its content undefined. @throws DTypeError for f16 where the adapter lacks it. */
export function allocate(runtime: Runtime, shape: Shape, dtype: DType): Tensor {
  checkShape('tensor', shape);
  const { gpu } = runtime;
  if (dtype === 'f16' && !gpu.features.has('shader-f16')) {
    throw new DTypeError(
      `f16 tensors need the feature shader-f16, which ${gpu.adapter.name} lacks; use f32, or packWeight for frozen weights`,
    );
  }
  const bytes = sizeOf(shape) * BYTES[dtype];
  const block = bytes > 0 ? gpu.allocate(Math.ceil(bytes / 4) * 4) : null;
  return track(new Tensor(runtime, new Storage(runtime, block, bytes), shape, dtype));
}

/** A shape without memory: stands where a tensor will be put (`Module.replace`). No op takes it. */
export function placeholder(runtime: Runtime, shape: Shape): Tensor {
  return track(new Tensor(runtime, new Storage(runtime, null, 0), shape, 'f32'));
}
