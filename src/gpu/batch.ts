// Command batches: dispatches are appended to one compute pass, and the pass is submitted on read-back, on sync(),
// or when its budget is reached (long submits meet watchdogs). Parameters go to one uniform arena, written just
// before each submit; the queue's order makes it safe to use the same arena for the next batch.

import { LimitError } from '../errors.ts';
import { USAGE } from './buffers.ts';
import type { CommandList, Recorder } from './capture.ts';
import type { Faults } from './faults.ts';
import type { Binding, KernelChoice, Pipeline, PipelineCache } from './pipelines.ts';
import { BatchTimer } from './timing.ts';
import { MAX_PARAMS_BYTES, PARAMS_ALIGN, type ParamValues, writeParams } from './wgsl.ts';

/** One kernel launch. */
export interface Dispatch {
  readonly kernel: KernelChoice;
  readonly inputs: readonly Binding[];
  readonly outputs: readonly Binding[];
  readonly params?: ParamValues;
  /** How many; over the limit per dimension they fold into a second one (`group.x + group.y * groups.x`). */
  readonly workgroups: number;
  /** Floating-point operations, for the batch's budget; the bytes are those of the bindings. */
  readonly flops?: number;
}

export interface Budget {
  readonly flops: number;
  readonly bytes: number;
}

const ARENA_BYTES = 1 << 18;

export class Batch {
  /** The number of the batch being recorded; a block's `lastBatch` equals it when that batch uses the block. */
  id = 1;
  /** The label of the last kernel recorded, for messages. */
  lastLabel = '';
  /** Told of every dispatch while a function is captured. */
  recorder: Recorder | null = null;
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
  private readonly arena: GPUBuffer;
  private readonly arenaGroup: GPUBindGroup;
  private readonly params = new DataView(new ArrayBuffer(ARENA_BYTES));
  private paramsUsed = 0;
  private flops = 0;
  private bytes = 0;
  private timer: BatchTimer | null = null;
  private timings: Promise<[string, number][]>[] | null = null;
  /** While timing, each dispatch has a pass of its own. */
  private splitting = true;

  constructor(
    private readonly device: GPUDevice,
    private readonly pipelines: PipelineCache,
    private readonly limits: { readonly maxComputeWorkgroupsPerDimension: number },
    private readonly budget: Budget,
  ) {
    this.arena = device.createBuffer({
      size: ARENA_BYTES,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
      label: 'params',
    });
    const resource = { buffer: this.arena, size: MAX_PARAMS_BYTES };
    this.arenaGroup = device.createBindGroup({
      layout: pipelines.paramsLayout,
      entries: [{ binding: 0, resource }],
    });
  }

  record(dispatch: Dispatch): void {
    const { kernel, inputs, outputs } = dispatch;
    this.lastLabel = `${kernel.file.name}.${kernel.entry}`;
    const pipeline = this.pipelines.get(kernel, inputs.length, outputs.length);
    const group = this.pipelines.bindGroup(pipeline, [...inputs, ...outputs]);
    const [x, y] = this.fold(pipeline.label, dispatch.workgroups);
    if (this.paramsUsed + MAX_PARAMS_BYTES > ARENA_BYTES || this.timer?.full) this.submit();

    const pass = this.openPass(pipeline);
    pass.setPipeline(pipeline.gpu);
    pass.setBindGroup(0, group);
    const at = this.paramsUsed;
    const paramsBytes = kernel.file.params?.bytes ?? 0;
    if (paramsBytes > 0) {
      writeParams(kernel.file, dispatch.params ?? {}, this.params, at);
      pass.setBindGroup(1, this.arenaGroup, [at]);
      this.paramsUsed += Math.ceil(paramsBytes / PARAMS_ALIGN) * PARAMS_ALIGN;
    }
    pass.dispatchWorkgroups(x, y);
    this.recorder?.add(pipeline, group, new Uint8Array(this.params.buffer, at, paramsBytes), [
      x,
      y,
    ]);
    this.account(dispatch);
  }

  /** Encodes a captured list again, and submits it. */
  replay({
    pipelines,
    groups,
    offsets,
    workgroups,
    paramsGroup,
    ends,
    written,
  }: CommandList): void {
    this.submit();
    let at = 0;
    for (const end of ends) {
      for (; at < end; at++) {
        const pipeline = pipelines[at]!;
        this.lastLabel = pipeline.label;
        if (this.timer?.full) this.submit();
        const pass = this.openPass(pipeline);
        pass.setPipeline(pipeline.gpu);
        pass.setBindGroup(0, groups[at]!);
        if (pipeline.hasParams) pass.setBindGroup(1, paramsGroup, offsets, at, 1);
        pass.dispatchWorkgroups(workgroups[2 * at]!, workgroups[2 * at + 1]!);
      }
      this.submit();
    }
    for (const block of written) block.version++;
  }

  /** Makes copies to `destination` part of the batch, and submits it: the range, and the fault word at byte `wordAt`. */
  copyOut(source: Binding, faults: Faults, destination: GPUBuffer, wordAt: number): void {
    this.closePass();
    const encoder = this.openEncoder();
    encoder.copyBufferToBuffer(source.block.buffer, source.offset, destination, 0, source.bytes);
    faults.moveTo(destination, wordAt, encoder);
    this.submit();
  }

  submit(): void {
    const { encoder } = this;
    if (!encoder) return;
    this.closePass();
    const readTimes = this.timer?.resolve(encoder);
    const commands = encoder.finish();
    if (this.paramsUsed > 0)
      this.device.queue.writeBuffer(this.arena, 0, this.params.buffer, 0, this.paramsUsed);
    this.device.queue.submit([commands]);
    if (readTimes) this.timings?.push(quietly(readTimes()));
    this.encoder = null;
    this.timer = null;
    this.paramsUsed = this.flops = this.bytes = 0;
    this.id++;
  }

  /** From here on each dispatch is timed, or with `split` false each pass, until `stopTiming`. */
  startTiming(split: boolean): void {
    this.submit();
    this.timings = [];
    this.splitting = split;
  }

  /** Nanoseconds per dispatch, or per pass under the label of its first kernel, since `startTiming`. */
  async stopTiming(): Promise<[string, number][]> {
    this.submit();
    const timings = this.timings ?? [];
    this.timings = null;
    return (await Promise.all(timings)).flat();
  }

  /** Ends a timed region that failed. */
  abandonTiming(): void {
    this.timings = null;
  }

  private openEncoder(): GPUCommandEncoder {
    this.encoder ??= this.device.createCommandEncoder({ label: 'batch' });
    return this.encoder;
  }

  private openPass({ label }: Pipeline): GPUComputePassEncoder {
    if (this.timings && (this.splitting || !this.pass)) {
      this.closePass();
      this.timer ??= new BatchTimer(this.device);
      this.pass = this.openEncoder().beginComputePass({
        label,
        timestampWrites: this.timer.next(label),
      });
    }
    this.pass ??= this.openEncoder().beginComputePass({ label });
    return this.pass;
  }

  private closePass(): void {
    this.pass?.end();
    this.pass = null;
  }

  private account({ inputs, outputs, flops = 0 }: Dispatch): void {
    for (const binding of inputs) this.use(binding, false);
    for (const binding of outputs) this.use(binding, true);
    this.flops += flops;
    if (this.flops < this.budget.flops && this.bytes < this.budget.bytes) return;
    this.recorder?.split();
    this.submit();
  }

  private use({ block, bytes }: Binding, writes: boolean): void {
    block.lastBatch = this.id;
    if (writes) block.version++;
    this.bytes += bytes;
    this.recorder?.bind(block, writes);
  }

  private fold(label: string, workgroups: number): [number, number] {
    const most = this.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups <= most) return [workgroups, 1];
    const y = Math.ceil(workgroups / most);
    if (y > most)
      throw new LimitError(
        `${label}: ${workgroups} workgroups exceed the limit of ${most} x ${most}`,
      );
    return [Math.ceil(workgroups / y), y];
  }
}

/** The same promise; that it rejects when the device is lost is told by the call that awaits the region. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
