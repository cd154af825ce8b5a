// Launching kernels on tensors: the one place where views become dense, ranges are bound, limits are checked,
// and a tensor that is read and written in one dispatch is told apart.

import { DTypeError, LimitError, ShapeError } from '../errors.ts';
import type { Binding, KernelChoice } from '../gpu/pipelines.ts';
import { type Constants, type KernelFile, type ParamValues, readKernel } from '../gpu/wgsl.ts';
import { BYTES, type DType } from '../tensor/dtype.ts';
import { broadcastStrides, format, type Shape } from '../tensor/shape.ts';
import { allocate, type Runtime, type Tensor } from '../tensor/tensor.ts';
import type { Strided } from './elements.ts';

export { allocate };

/** Threads of a workgroup in kernels that give each thread its own elements; the files say the same. */
export const WORKGROUP = 64;

/** The offset of a binding must be a multiple of this many bytes (the default of every adapter). */
const BINDING_ALIGN = 256;

export interface Launch {
  /** Read-only, in the order of the kernel's bindings. */
  readonly inputs: readonly Tensor[];
  /** Written, after the inputs. They may hold values that the kernel reads: in-place updates. */
  readonly outputs: readonly Tensor[];
  readonly params?: ParamValues;
  readonly workgroups: number;
  readonly constants?: Constants;
  /** Floating-point operations; default: one per output element. */
  readonly flops?: number;
  /** The kernel takes strides, and the start of each tensor through `bindingStart`. Default: dense copies are made. */
  readonly strided?: boolean;
  /**
   * What is wrong when the kernel stores `params.fault` in its last binding, the fault word, which is added here.
   * The next awaited call throws it as a DataError. Null: it may be so here; `params.fault` is 0.
   */
  readonly fault?: string | null;
}

/** A kernel of `kernels/`, read once; `name` is the file's name. */
export function kernelFile(name: string, text: string): KernelFile {
  return readKernel(name, text);
}

/** Launches an entry point. Does nothing when there is nothing to write. */
export function launch(file: KernelFile, entry: string, options: Launch): void {
  const { inputs, outputs, workgroups, constants, strided = false, fault } = options;
  const { runtime } = outputs[0]!;
  if (workgroups === 0 || outputs.every((y) => y.size === 0)) return;
  const unfit = strided ? undefined : outputs.find((y) => y.size > 0 && !isBindable(y));
  if (unfit) {
    throw new ShapeError(
      `${file.name}.${entry}: an output of shape ${format(unfit.shape)} is a view; kernels write row-major tensors that start on 256 bytes`,
    );
  }
  const temporary: Tensor[] = [];
  const ready = inputs.map((x) => {
    const usable = (strided || isBindable(x)) && !outputs.some((y) => y.storage === x.storage);
    if (usable) return x;
    const copy = runtime.copy(x);
    temporary.push(copy);
    return copy;
  });
  const label = `${file.name}.${entry}`;
  const kernel: KernelChoice = constants ? { file, entry, constants } : { file, entry };
  const flops = options.flops ?? outputs[0]!.size;
  const bindings = (tensors: readonly Tensor[]) => tensors.map((x) => bind(label, x));
  const { faults } = runtime.gpu;
  const told = fault !== undefined;
  const params = told
    ? { ...options.params, fault: fault ? faults.code(fault) : 0 }
    : options.params;
  runtime.gpu.dispatch({
    kernel,
    inputs: bindings(ready),
    outputs: told ? [...bindings(outputs), faults.binding] : bindings(outputs),
    workgroups,
    flops,
    ...(params && { params }),
  });
  for (const copy of temporary) copy.dispose();
}

/** Where a strided kernel finds the tensor's first element, counted from the start of its binding. */
export function bindingStart(x: Tensor): number {
  return x.offset % (BINDING_ALIGN / BYTES[x.dtype]);
}

/** How a strided kernel walks the tensor, or what it shows of a larger shape. */
export function strided(x: Tensor, shape: Shape = x.shape): Strided {
  return { strides: broadcastStrides(x.shape, x.strides, shape), start: bindingStart(x) };
}

/** Workgroups so that each of `threads` elements has a thread. */
export function groupsFor(threads: number): number {
  return Math.ceil(threads / WORKGROUP);
}

/**
 * Threads that share a row, for the library's LANES: a SIMD group of a CPU, where each barrier costs a task switch
 * (norms of 64 columns on SwiftShader: 330 ms with 64 lanes, 40 with 8), and as many as a GPU can use.
 */
export function lanesFor({ gpu }: Runtime): number {
  return gpu.adapter.software ? 8 : 64;
}

/** @throws DTypeError unless the tensor has one of the types. */
export function expectDType(op: string, name: string, x: Tensor, ...types: DType[]): void {
  if (types.includes(x.dtype)) return;
  throw new DTypeError(
    `${op}: ${name} is ${x.dtype}, expected ${types.join(' or ')}; cast() converts`,
  );
}

/** @throws ShapeError unless the shape is as expected. */
export function expectShape(
  op: string,
  name: string,
  x: Tensor,
  expected: readonly number[],
): void {
  if (x.shape.length === expected.length && x.shape.every((size, i) => size === expected[i]))
    return;
  throw new ShapeError(`${op}: ${name} is ${format(x.shape)}, expected ${format(expected)}`);
}

function isBindable(x: Tensor): boolean {
  return x.isDense && (x.offset * BYTES[x.dtype]) % BINDING_ALIGN === 0;
}

/** The range of memory from the tensor's first element (rounded down to the alignment) to its last. */
function bind(label: string, x: Tensor): Binding {
  const width = BYTES[x.dtype];
  const block = x.storage.block;
  if (!block)
    throw new ShapeError(`${label}: a tensor of shape ${format(x.shape)} has no elements to read`);
  let extent = 1 + bindingStart(x);
  for (let axis = 0; axis < x.rank; axis++) extent += (x.shape[axis]! - 1) * x.strides[axis]!;
  const bytes = Math.ceil((extent * width) / 4) * 4;
  const limit = x.runtime.gpu.limits.maxStorageBufferBindingSize;
  if (bytes > limit) {
    throw new LimitError(
      `${label}: a tensor of shape ${format(x.shape)} takes ${bytes} bytes; this adapter binds at most ${limit} (maxStorageBufferBindingSize); split it along its first axis`,
    );
  }
  return { block, offset: (x.offset - bindingStart(x)) * width, bytes };
}
