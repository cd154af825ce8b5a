// Device: opens a GPU, makes tensors, and owns what the ops share.

import { DataError, ShapeError } from '../errors.ts';
import { type AdapterSummary, Context, type ContextOptions, type Limits } from '../gpu/context.ts';
import type { Timing } from '../gpu/timing.ts';
import { type DType, encode } from '../tensor/dtype.ts';
import { fillNormal, fillUniform } from '../tensor/philox.ts';
import { scope } from '../tensor/scope.ts';
import { format, type Shape, sizeOf } from '../tensor/shape.ts';
import { allocate, type Runtime, type Tensor } from '../tensor/tensor.ts';
import { add, addInPlace } from './binary.ts';
import { type CapturedStep, captureStep } from './capture.ts';
import { denseCopy, full } from './copy.ts';
import { type Kernel, userKernel } from './custom.ts';
import { type RandomOptions, randomState } from './random.ts';

/** Numbers, nested to the tensor's depth, or a typed array. */
export type Values = number | ArrayLike<number> | readonly Values[];

export interface DeviceOptions extends ContextOptions {
  /** Told in one line when the adapter is not a real GPU; default `console.warn`, once per process and line. */
  readonly announce?: ((line: string) => void) | null;
}

export interface MemoryReport {
  /** Bytes of buffers in use. */
  readonly bytesInUse: number;
  /** Bytes of freed buffers, ready for reuse. */
  readonly bytesPooled: number;
  /** The largest sum of both so far. */
  readonly peakBytes: number;
  /** Tensors alive, views and the tape's own handles included. */
  readonly tensors: number;
  /** GPU buffers that exist. */
  readonly buffers: number;
  /** GPU buffers created so far. */
  readonly buffersCreated: number;
}

const announced = new Set<string>();

/** A GPU, and the tensors on it. */
export class Device implements Runtime {
  tensorCount = 0;
  /** Streams that `rand` and `randn` took without a seed. */
  private streams = 0;

  private constructor(readonly gpu: Context) {}

  /**
   * Opens a GPU: `navigator.gpu` in a browser, Dawn in Node.
   * `adapter`: 'auto' takes a real GPU or else a software adapter, 'hardware' and 'software' insist,
   * and any other text selects by a part of the adapter's name.
   * @throws DeviceError when there is none; the message says what to install.
   */
  static async open({ announce, ...options }: DeviceOptions = {}): Promise<Device> {
    const gpu = await Context.open(options);
    const { notice } = gpu.adapter;
    if (notice && announce === undefined && !announced.has(notice)) {
      announced.add(notice);
      console.warn(notice);
    } else if (notice) announce?.(notice);
    return new Device(gpu);
  }

  get adapter(): AdapterSummary {
    return this.gpu.adapter;
  }

  get features(): ReadonlySet<string> {
    return this.gpu.features;
  }

  get limits(): Readonly<Limits> {
    return this.gpu.limits;
  }

  /** A tensor of the given values. The shape is that of the nesting unless given; dtype f32 unless the array tells. */
  tensor(values: Values, { shape, dtype }: { shape?: Shape; dtype?: DType } = {}): Tensor {
    const { flat, nested } = flatten(values);
    const type = dtype ?? typeOf(values);
    const target = shape ?? nested;
    if (sizeOf(target) !== flat.length) {
      throw new ShapeError(`tensor: ${flat.length} values do not fill the shape ${format(target)}`);
    }
    const x = allocate(this, target, type);
    if (x.size > 0) this.gpu.write(x.storage.block!, 0, encode(flat, type));
    return x;
  }

  zeros(shape: Shape, { dtype = 'f32' }: { dtype?: DType } = {}): Tensor {
    return this.full(shape, 0, { dtype });
  }

  ones(shape: Shape, { dtype = 'f32' }: { dtype?: DType } = {}): Tensor {
    return this.full(shape, 1, { dtype });
  }

  full(shape: Shape, value: number, { dtype = 'f32' }: { dtype?: DType } = {}): Tensor {
    return full(this, shape, value, dtype);
  }

  /** 0, 1, … size - 1. */
  arange(size: number, { dtype = 'i32' }: { dtype?: DType } = {}): Tensor {
    return this.tensor(
      Float64Array.from({ length: size }, (_, i) => i),
      { dtype },
    );
  }

  /**
   * Standard normals, made in float64 on the CPU: the same on every adapter. With a seed they follow from seed, stream
   * and step; without one, each call of a device takes the next stream of seed 0.
   */
  randn(shape: Shape, options: RandomOptions = {}): Tensor {
    const values = new Float32Array(sizeOf(shape));
    fillNormal(values, this.draw(options));
    return this.tensor(values, { shape });
  }

  /** Uniforms from [0, 1), as `randn` otherwise. */
  rand(shape: Shape, options: RandomOptions = {}): Tensor {
    const values = new Float32Array(sizeOf(shape));
    fillUniform(values, this.draw(options));
    return this.tensor(values, { shape });
  }

  /** Begins a training step: the random ops (dropout) that follow depend on seed and step alone. */
  beginStep(seed: number | bigint, step: number): void {
    randomState(this).begin(seed, step);
  }

  /** Runs a synchronous function and frees what it made, except what it returns, parameters, and gradients. */
  scope<T>(fn: () => T): T {
    return scope(fn);
  }

  /**
   * Runs a synchronous function as `scope` does, and keeps what it did, to do it again at the cost of encoding alone:
   *
   *   const step = device.capture(() => { backward(loss(model, ids)); optimizer.apply({ zeroGrad: true }); });
   *   for (…) { ids.write(batch); optimizer.advance(); step(); }
   *
   * What changes between steps is written to tensors before each: inputs, `optimizer.advance()`, `device.beginStep()`.
   * Without the latter dropout repeats its masks.
   * @throws CaptureError when the function cannot be replayed: it writes values or reads back, or is asynchronous.
   */
  capture<T>(fn: () => T): CapturedStep<T> {
    return captureStep(this, fn);
  }

  /** Hands over the recorded work without waiting for it. */
  submit(): void {
    this.gpu.submit();
  }

  /** Resolves when all work so far is done; rejects with the first GPU error since the last awaited call. */
  sync(): Promise<void> {
    return this.gpu.sync();
  }

  memory(): MemoryReport {
    return { ...this.gpu.memory, tensors: this.tensorCount };
  }

  /** GPU time of what `fn` runs, per kernel; wall time alone where the adapter has no timestamp queries. */
  time(fn: () => unknown): Promise<Timing> {
    return this.gpu.time(fn);
  }

  /** Compiles, in parallel, every kernel that `fn` would launch; nothing is computed. */
  warmup(fn: () => unknown): Promise<void> {
    return this.gpu.warmup(() => scope(fn));
  }

  /** A kernel of your own: plain WGSL by the rules of `kernels/`. @throws KernelError with line and caret. */
  kernel(wgsl: string, { name = 'kernel' }: { name?: string } = {}): Promise<Kernel> {
    return userKernel(this, name, wgsl);
  }

  /** Gives the GPU back; every later call fails with `DeviceLostError`. */
  destroy(): void {
    this.gpu.destroy();
  }

  private draw({ seed, stream, step = 0 }: RandomOptions) {
    return { seed: seed ?? 0, stream: stream ?? (seed === undefined ? this.streams++ : 0), step };
  }

  // What the tensor layer asks for (Runtime).

  dense(x: Tensor): Tensor {
    return x.isDense ? x : denseCopy(x);
  }

  copy(x: Tensor): Tensor {
    return denseCopy(x);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return add(a, b);
  }

  addInPlace(target: Tensor, x: Tensor): void {
    addInPlace(target, x);
  }
}

function typeOf(values: Values): DType {
  if (values instanceof Int32Array) return 'i32';
  if (values instanceof Uint32Array) return 'u32';
  return 'f32';
}

/** The numbers row-major, and the shape of their nesting. @throws ShapeError for ragged lists. */
function flatten(values: Values): { flat: ArrayLike<number>; nested: number[] } {
  if (typeof values === 'number') return { flat: [values], nested: [] };
  if (!Array.isArray(values)) return { flat: values as ArrayLike<number>, nested: [values.length] };
  if (values.length === 0) return { flat: [], nested: [0] };
  if (values.every((value) => typeof value === 'number'))
    return { flat: values, nested: [values.length] };
  const parts = values.map((value) => {
    if (value === null || (typeof value !== 'number' && typeof value !== 'object')) {
      throw new DataError(`tensor: expected numbers, got ${String(value)}`);
    }
    return flatten(value as Values);
  });
  const inner = parts[0]!.nested;
  const ragged = parts.find((part) => format(part.nested) !== format(inner));
  if (ragged)
    throw new ShapeError(
      `tensor: the lists are ragged: ${format(inner)} beside ${format(ragged.nested)}`,
    );
  return { flat: parts.flatMap((part) => Array.from(part.flat)), nested: [parts.length, ...inner] };
}
