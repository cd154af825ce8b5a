// The GPU as the layers above see it: memory, kernel launches, uploads, read-backs, timing, and one way to fail.
//
// WebGPU is silent about errors: a bad dispatch reads back zeros. Here the first error rejects the next awaited
// call, later ones become its cause; a lost device rejects every pending and later call.

import { platform } from '#platform';
import { CaptureError, DeviceError, DeviceLostError, OutOfMemoryError } from '../errors.ts';
import { Batch, type Dispatch } from './batch.ts';
import { type Block, BufferPool, type MemoryCounters } from './buffers.ts';
import { type Capture, type CommandList, Recorder } from './capture.ts';
import { Choices } from './choices.ts';
import { Failures } from './failures.ts';
import { Faults } from './faults.ts';
import { type KernelChoice, PipelineCache } from './pipelines.ts';
import type { AdapterChoice } from './platform.ts';
import { StagingPool } from './staging.ts';
import { summarise, type Timing } from './timing.ts';
import { readTuning } from './tuning.ts';
import type { KernelFile } from './wgsl.ts';

/** The limits that the adapter granted and that checks look at. */
export interface Limits {
  maxBufferSize: number;
  maxStorageBufferBindingSize: number;
  maxStorageBuffersPerShaderStage: number;
  maxComputeWorkgroupsPerDimension: number;
  maxComputeWorkgroupStorageSize: number;
  maxComputeInvocationsPerWorkgroup: number;
  maxComputeWorkgroupSizeX: number;
}

export interface ContextOptions {
  /** 'auto' (default), 'hardware', 'software', or part of an adapter's name. */
  readonly adapter?: AdapterChoice;
  /** Dawn's toggles, in Node only. */
  readonly toggles?: readonly string[];
  /** Lower limits than the adapter's, to see how code copes with a smaller one. */
  readonly limits?: Partial<Limits>;
  /** Which kernels: what `shadegrad tune` measured on this adapter ('cached', the default), or the shipped choices. */
  readonly tuning?: 'cached' | 'shipped';
}

export interface AdapterSummary {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  readonly software: boolean;
  /** Why this adapter, when it is not the best kind; one line. */
  readonly notice: string | undefined;
}

const LIMIT_NAMES = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const satisfies readonly (keyof Limits)[];

const FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'timestamp-query', 'subgroups'];

// About 100 ms of work per submit: watchdogs wait 2 to 10 s, and a page wants the GPU back.
const HARDWARE_BUDGET = { flops: 5e10, bytes: 2e10 };
const SOFTWARE_BUDGET = { flops: 1e9, bytes: 4e8 };

/** A kernel file that runs in place of another. */
export interface Substitute {
  readonly file: KernelFile;
  /** How often it did. */
  launches: number;
}

function substituted(dispatch: Dispatch, substitute: Substitute): Dispatch {
  substitute.launches++;
  return { ...dispatch, kernel: { ...dispatch.kernel, file: substitute.file } };
}

export class Context {
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly faults: Faults;
  /** Which variants of the kernels are taken. */
  readonly choices = new Choices();
  /** Files that run in place of ours, by our file's name: a kernel under development, measured beside the built-in one. */
  readonly substitutes = new Map<string, Substitute>();
  private readonly batch: Batch;
  private readonly staging: StagingPool;
  private readonly failures = new Failures();
  private timing = false;
  /** While warming up, dispatches are only noted. */
  private noted: [KernelChoice, number, number][] | null = null;
  /** While a function is captured. */
  private recorder: Recorder | null = null;
  /** The fewest threads that a subgroup has; 0: there are none. */
  readonly subgroupMinSize: number;

  private constructor(
    private readonly device: GPUDevice,
    /** Dawn's instance: the process crashes when it is collected while a device lives. */
    readonly keepAlive: unknown,
    readonly adapter: AdapterSummary,
    readonly features: ReadonlySet<string>,
    readonly limits: Limits,
  ) {
    this.subgroupMinSize = features.has('subgroups')
      ? (device.adapterInfo.subgroupMinSize ?? 4)
      : 0;
    this.pipelines = new PipelineCache(device, limits);
    this.pool = new BufferPool(
      device,
      limits,
      () => this.batch.submit(),
      (block) => this.pipelines.forget(block),
    );
    this.faults = new Faults(device);
    this.staging = new StagingPool(device, limits);
    this.batch = new Batch(
      device,
      this.pipelines,
      limits,
      adapter.software ? SOFTWARE_BUDGET : HARDWARE_BUDGET,
    );
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.fail((event as GPUUncapturedErrorEvent).error);
    });
    device.lost.then(({ reason, message }) => {
      const last = this.batch.lastLabel ? ` after ${this.batch.lastLabel}` : '';
      const why = `(${reason || 'unknown'})${last}: ${message || 'no reason given'}`;
      this.failures.lose(
        new DeviceLostError(
          `the GPU device was lost ${why}; open a new device and resume from the last checkpoint`,
        ),
      );
    });
  }

  /** @throws DeviceError when there is no such adapter; the message says what to install. */
  static async open({
    adapter: choice = 'auto',
    toggles = [],
    limits = {},
    tuning = 'cached',
  }: ContextOptions = {}): Promise<Context> {
    const { adapter, software, driver, notice, keepAlive } = await platform.findAdapter(choice, {
      toggles,
    });
    const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name));
    const requiredLimits = Object.fromEntries(
      LIMIT_NAMES.map((name) => [name, adapter.limits[name]]),
    );
    const device = await adapter.requestDevice({
      requiredFeatures,
      requiredLimits,
      label: 'shadegrad',
    });
    const granted = Object.fromEntries(LIMIT_NAMES.map((name) => [name, device.limits[name]]));
    const { vendor, architecture, description, device: model } = adapter.info;
    const name = description || model || architecture || vendor || 'unnamed adapter';
    const summary = { name, vendor, architecture, driver, software, notice };
    const all = { ...granted, ...limits } as unknown as Limits;
    const context = new Context(device, keepAlive, summary, new Set(requiredFeatures), all);
    const measured = tuning === 'cached' ? await readTuning(summary) : null;
    if (measured) context.choices.setMeasured(measured);
    return context;
  }

  get memory(): Readonly<MemoryCounters> {
    return this.pool.counters;
  }

  allocate(bytes: number): Block {
    this.failures.checkAlive();
    return this.pool.acquire(bytes);
  }

  dispatch(dispatch: Dispatch): void {
    this.failures.checkAlive();
    const substitute = this.substitutes.get(dispatch.kernel.file.name);
    const run = substitute ? substituted(dispatch, substitute) : dispatch;
    if (this.noted) this.noted.push([run.kernel, run.inputs.length, run.outputs.length]);
    else this.batch.record(run);
  }

  /** Uploads; submits first whatever was recorded on this block, which must still see the earlier content. */
  write(block: Block, offset: number, data: Uint8Array<ArrayBuffer>): void {
    this.failures.checkAlive();
    this.notInCapture(
      'it writes values from the CPU; write them before each step, into tensors that are made before the capture (a new tensor of values, tensor.write, optimizer.advance and device.beginStep all write)',
    );
    if (block.lastBatch === this.batch.id) this.batch.submit();
    block.version++;
    this.device.queue.writeBuffer(block.buffer, offset, data);
  }

  /** Reads `bytes` (a multiple of 4) back; all that was recorded before runs first. Throws the fault it met, if any. */
  async read(block: Block, offset: number, bytes: number): Promise<ArrayBuffer> {
    this.failures.checkAlive();
    this.notInCapture('it reads back; return the tensor, and read it after the step');
    const { copy, fault } = await this.staging.read(
      bytes + 4,
      (destination) =>
        this.batch.copyOut({ block, offset, bytes }, this.faults, destination, bytes),
      (mapping) => this.settle(mapping),
      (mapped) => ({ copy: mapped.slice(0, bytes), fault: new Uint32Array(mapped, bytes, 1)[0]! }),
    );
    this.faults.check(fault);
    return copy;
  }

  /** Hands over what was recorded, without waiting for it. */
  submit(): void {
    this.failures.checkAlive();
    this.batch.submit();
  }

  /** Resolves when all work so far is done. A read of the fault word waits for just that, and checks the word. */
  async sync(): Promise<void> {
    const { block, offset, bytes } = this.faults.binding;
    await this.read(block, offset, bytes);
  }

  /** Whether dispatches are only noted: results hold nothing then. */
  get isWarmingUp(): boolean {
    return this.noted !== null;
  }

  /**
   * Runs `fn`, and keeps its dispatches, and the memory that they use, to run them again.
   * @throws CaptureError when a replay would not do the same.
   */
  capture(fn: () => void): Capture {
    this.failures.checkAlive();
    this.notInCapture('it captures another function; capture the two one after the other');
    if (this.noted) throw new CaptureError('capture: while warming up nothing runs');
    this.batch.submit(); // the budget, which splits the list, counts from its beginning
    const recorder = new Recorder();
    this.recordTo(recorder);
    try {
      fn();
      recorder.check();
    } catch (error) {
      for (const block of this.endCapture(recorder, [])) this.pool.release(block);
      throw error;
    }
    const blocks = this.endCapture(recorder, recorder.used);
    const { list, arena } = recorder.finish(this.device, this.pipelines.paramsLayout);
    return {
      replay: () => this.replay(list),
      dispose: () => {
        for (const block of blocks.splice(0)) this.pool.release(block);
        arena?.destroy();
      },
    };
  }

  /** Runs `fn` outside the capture under way, if any: it makes what an op keeps for good, such as a table. */
  uncaptured<T>(fn: () => T): T {
    const { recorder } = this;
    this.recordTo(null);
    try {
      return fn();
    } finally {
      this.recordTo(recorder);
    }
  }

  /** @throws CaptureError while a function is captured: it cannot be replayed, because of the reason. */
  notInCapture(reason: string): void {
    this.recorder?.refuse(reason);
  }

  /** Runs `fn` without its dispatches and compiles, in parallel, the pipelines that it would need. */
  async warmup(fn: () => void): Promise<void> {
    this.failures.checkAlive();
    this.noted = [];
    const { noted } = this;
    try {
      fn();
    } finally {
      this.noted = null;
    }
    await this.settle(Promise.all(noted.map((args) => this.pipelines.prepare(...args))));
  }

  /** Compiles a kernel's text. @throws KernelError with line and caret. */
  check(kernel: KernelChoice): Promise<void> {
    this.failures.checkAlive();
    return this.pipelines.check(kernel);
  }

  /**
   * Times what `fn` runs, per kernel label where the adapter has timestamp queries, else wall time alone. With `split`
   * false, passes stay whole, as they are when nobody times them: the sum of the kernels' times is theirs.
   */
  async time(fn: () => unknown, { split = true } = {}): Promise<Timing> {
    if (this.timing) throw new DeviceError('time: another region of this device is being timed');
    const source = this.features.has('timestamp-query') ? 'timestamp' : 'wall';
    this.timing = true;
    try {
      await this.sync();
      if (source === 'timestamp') this.batch.startTiming(split);
      const begin = performance.now();
      await fn();
      await this.sync();
      const wallMicroseconds = 1000 * (performance.now() - begin);
      const samples = source === 'timestamp' ? await this.batch.stopTiming() : [];
      return { source, wallMicroseconds, kernels: summarise(samples) };
    } finally {
      this.batch.abandonTiming();
      this.timing = false;
    }
  }

  /** Gives the GPU back. Every later call rejects with `DeviceLostError`. */
  destroy(): void {
    this.device.destroy();
    this.failures.lose(new DeviceLostError('the device was destroyed; open a new one'));
  }

  private replay(list: CommandList): void {
    this.failures.checkAlive();
    this.notInCapture('it runs a captured step; capture the two one after the other');
    if (!this.noted) this.batch.replay(list);
  }

  private endCapture(recorder: Recorder, used: Iterable<Block>): Block[] {
    this.recordTo(null);
    this.batch.submit();
    return this.pool.endCapture(recorder.blocks, used);
  }

  private recordTo(recorder: Recorder | null): void {
    this.recorder = recorder;
    this.batch.recorder = recorder;
    this.pool.capturing = recorder?.blocks ?? null;
  }

  private async settle<T>(work: Promise<T>): Promise<T> {
    if (this.adapter.software) platform.idle?.(work);
    const result = await this.failures.settle(work);
    this.pool.settled();
    return result;
  }

  private fail(error: GPUError): void {
    if (error.constructor.name !== 'GPUOutOfMemoryError') {
      const label = this.batch.lastLabel || 'GPU';
      this.failures.record(new DeviceError(`${label}: ${error.message}`));
    } else if (!this.pool.outOfMemory()) {
      this.failures.record(new OutOfMemoryError(`no GPU memory left: ${error.message}`));
    }
  }
}
