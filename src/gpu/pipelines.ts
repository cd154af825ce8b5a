// Pipelines by (file, entry, constants), and bind groups by their buffers.
//
// Group 0 holds the tensors, inputs first, then outputs. Group 1 holds the parameter struct at a dynamic offset
// of the uniform arena. Layouts are explicit, from the numbers of inputs and outputs: dynamic offsets exclude 'auto'.

import attention from '../../kernels/lib/attention.wgsl' with { type: 'text' };
import elements from '../../kernels/lib/elements.wgsl' with { type: 'text' };
import math from '../../kernels/lib/math.wgsl' with { type: 'text' };
import matrix from '../../kernels/lib/matrix.wgsl' with { type: 'text' };
import packed from '../../kernels/lib/packed.wgsl' with { type: 'text' };
import random from '../../kernels/lib/random.wgsl' with { type: 'text' };
import reduce from '../../kernels/lib/reduce.wgsl' with { type: 'text' };
import rows from '../../kernels/lib/rows.wgsl' with { type: 'text' };
import { KernelError, LimitError } from '../errors.ts';
import type { Block } from './buffers.ts';
import { type Constants, type KernelFile, specialise } from './wgsl.ts';

/**
 * The library files that every kernel may call, each after those that it needs. They follow the kernel's own text: its line
 * numbers stay.
 */
const LIBRARY = [math, reduce, rows, elements, random, matrix, packed, attention];

/** Which kernel: a file, an entry point, and the constants replaced in it. */
export interface KernelChoice {
  readonly file: KernelFile;
  readonly entry: string;
  readonly constants?: Constants;
}

export interface Pipeline {
  readonly label: string;
  readonly gpu: GPUComputePipeline;
  readonly layoutKey: string;
  readonly tensorLayout: GPUBindGroupLayout;
  /** Whether it has the parameter struct in group 1. */
  readonly hasParams: boolean;
}

/** A range of a block, in bytes; the offset is a multiple of 256. */
export interface Binding {
  readonly block: Block;
  readonly offset: number;
  readonly bytes: number;
}

const COMPUTE = 4; // GPUShaderStage.COMPUTE
const MAX_BIND_GROUPS = 8192;

interface Layout {
  readonly tensors: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export class PipelineCache {
  private readonly pipelines = new Map<KernelFile, Map<string, Pipeline>>();
  private readonly pending = new Map<string, Promise<void>>();
  private readonly layouts = new Map<string, Layout>();
  private readonly bindGroups = new Map<string, GPUBindGroup>();
  private readonly bindGroupsOf = new Map<Block, Set<string>>();
  readonly paramsLayout: GPUBindGroupLayout;

  constructor(
    private readonly device: GPUDevice,
    private readonly limits: { readonly maxStorageBuffersPerShaderStage: number },
  ) {
    this.paramsLayout = device.createBindGroupLayout({
      label: 'params',
      entries: [
        { binding: 0, visibility: COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
      ],
    });
  }

  /** How many pipelines and bind groups are cached. */
  get counts(): { pipelines: number; bindGroups: number } {
    let pipelines = 0;
    for (const entries of this.pipelines.values()) pipelines += entries.size;
    return { pipelines, bindGroups: this.bindGroups.size };
  }

  /** The compiled pipeline, from the cache or compiled now. */
  get(choice: KernelChoice, inputs: number, outputs: number): Pipeline {
    const key = pipelineKey(choice, inputs, outputs);
    const cached = this.pipelines.get(choice.file)?.get(key);
    if (cached) return cached;
    const { descriptor, about } = this.describe(choice, inputs, outputs);
    const gpu = this.device.createComputePipeline(descriptor);
    return this.store(choice, key, { gpu, ...about });
  }

  /** Compiles ahead, without holding up the caller; once, however often it is asked for. */
  prepare(choice: KernelChoice, inputs: number, outputs: number): Promise<void> {
    const key = pipelineKey(choice, inputs, outputs);
    if (this.pipelines.get(choice.file)?.has(key)) return Promise.resolve();
    const pendingKey = `${choice.file.name}|${key}`;
    const pending = this.pending.get(pendingKey) ?? this.compile(choice, key, inputs, outputs);
    this.pending.set(pendingKey, pending);
    return pending.finally(() => this.pending.delete(pendingKey));
  }

  private async compile(
    choice: KernelChoice,
    key: string,
    inputs: number,
    outputs: number,
  ): Promise<void> {
    const { descriptor, about } = this.describe(choice, inputs, outputs);
    const gpu = await this.device.createComputePipelineAsync(descriptor);
    this.store(choice, key, { gpu, ...about });
  }

  /** Compiles the file's text and rejects with its compile errors, each with its line and a caret. */
  async check(choice: KernelChoice): Promise<void> {
    const code = specialise(choice.file, LIBRARY, choice.constants ?? {});
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ code, label: choice.file.name });
    const [info] = await Promise.all([module.getCompilationInfo(), this.device.popErrorScope()]);
    const errors = info.messages.filter((m) => m.type === 'error');
    if (errors.length === 0) return;
    const lines = code.split('\n');
    const shown = errors.map(({ lineNum, linePos, message }) => {
      const caret = `${' '.repeat(Math.max(0, linePos - 1))}^`;
      return `${choice.file.name}:${lineNum}:${linePos} ${message}\n  ${lines[lineNum - 1] ?? ''}\n  ${caret}`;
    });
    throw new KernelError(shown.join('\n'));
  }

  bindGroup(pipeline: Pipeline, bindings: readonly Binding[]): GPUBindGroup {
    let key = pipeline.layoutKey;
    for (const { block, offset, bytes } of bindings) key += `|${block.id}:${offset}:${bytes}`;
    const cached = this.bindGroups.get(key);
    if (cached) return cached;
    if (this.bindGroups.size >= MAX_BIND_GROUPS) this.forgetBindGroups();
    const entries = bindings.map(({ block, offset, bytes }, binding) => ({
      binding,
      resource: { buffer: block.buffer, offset, size: bytes },
    }));
    const group = this.device.createBindGroup({
      layout: pipeline.tensorLayout,
      entries,
      label: pipeline.label,
    });
    this.bindGroups.set(key, group);
    for (const { block } of bindings) {
      const keys = this.bindGroupsOf.get(block);
      if (keys) keys.add(key);
      else this.bindGroupsOf.set(block, new Set([key]));
    }
    return group;
  }

  /** Drops the bind groups of a destroyed block: they would keep its buffer alive. */
  forget(block: Block): void {
    for (const key of this.bindGroupsOf.get(block) ?? []) this.bindGroups.delete(key);
    this.bindGroupsOf.delete(block);
  }

  private forgetBindGroups(): void {
    this.bindGroups.clear();
    this.bindGroupsOf.clear();
  }

  private store(choice: KernelChoice, key: string, pipeline: Pipeline): Pipeline {
    const entries = this.pipelines.get(choice.file);
    if (entries) entries.set(key, pipeline);
    else this.pipelines.set(choice.file, new Map([[key, pipeline]]));
    return pipeline;
  }

  private describe(choice: KernelChoice, inputs: number, outputs: number) {
    const { file, entry } = choice;
    const label = `${file.name}.${entry}`;
    if (!file.entries.includes(entry)) {
      throw new KernelError(
        `${file.name}: no entry point "${entry}"; it has ${file.entries.join(', ')}`,
      );
    }
    const limit = this.limits.maxStorageBuffersPerShaderStage;
    if (inputs + outputs > limit) {
      throw new LimitError(
        `${label}: ${inputs + outputs} tensors exceed the limit of ${limit} storage buffers`,
      );
    }
    const code = specialise(file, LIBRARY, choice.constants ?? {});
    const module = this.device.createShaderModule({ code, label });
    const hasParams = file.params !== null;
    const layoutKey = `${inputs}-${outputs}-${hasParams ? 'p' : ''}`;
    const layout = this.layout(layoutKey, inputs, outputs, hasParams);
    const descriptor = { label, layout: layout.pipeline, compute: { module, entryPoint: entry } };
    return { descriptor, about: { label, layoutKey, tensorLayout: layout.tensors, hasParams } };
  }

  private layout(key: string, inputs: number, outputs: number, hasParams: boolean): Layout {
    const cached = this.layouts.get(key);
    if (cached) return cached;
    const entries = Array.from({ length: inputs + outputs }, (_, binding) => ({
      binding,
      visibility: COMPUTE,
      buffer: { type: binding < inputs ? ('read-only-storage' as const) : ('storage' as const) },
    }));
    const tensors = this.device.createBindGroupLayout({ entries, label: key });
    const bindGroupLayouts = hasParams ? [tensors, this.paramsLayout] : [tensors];
    const layout = {
      tensors,
      pipeline: this.device.createPipelineLayout({ bindGroupLayouts, label: key }),
    };
    this.layouts.set(key, layout);
    return layout;
  }
}

function pipelineKey({ entry, constants }: KernelChoice, inputs: number, outputs: number): string {
  let key = `${entry}|${inputs}|${outputs}`;
  if (constants) for (const name in constants) key += `|${name}=${constants[name]}`;
  return key;
}
