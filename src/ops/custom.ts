// Ops and kernels from outside: a user's WGSL file runs like ours, and a user's backward joins the tape.

import { KernelError } from '../errors.ts';
import { type Constants, type ParamValues, readKernel } from '../gpu/wgsl.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import { type Gradients, record, untaped } from '../tensor/tape.ts';
import { type Runtime, Tensor } from '../tensor/tensor.ts';
import { allocate, launch } from './launch.ts';

export interface KernelRun {
  /** Bound first, read-only, in order; views become dense copies. */
  readonly inputs: readonly Tensor[];
  /** Bound after them, in order: tensors to write in place, or shapes of new ones. */
  readonly outputs: readonly (Tensor | { readonly shape: Shape; readonly dtype?: DType })[];
  /** The fields of the kernel's `struct Params`, by name. */
  readonly params?: ParamValues;
  /** How many; more than the adapter allows in one dimension fold into `group.x + group.y * groups.x`. */
  readonly workgroups: number;
  /** Initialisers to replace, by name. */
  readonly constants?: Constants;
}

/** A compiled kernel file. */
export interface Kernel {
  /** Launches an entry point and returns the outputs, in order. */
  run(entry: string, options: KernelRun): Tensor[];
}

/** Compiles a user's kernel file, whose rules are those of `kernels/`: bindings in order, parameters in group 1. */
export async function userKernel(runtime: Runtime, name: string, wgsl: string): Promise<Kernel> {
  const file = readKernel(name, wgsl);
  await runtime.gpu.check({ file, entry: file.entries[0]! });
  return {
    run(entry, { inputs, outputs, ...options }) {
      if (outputs.length === 0)
        throw new KernelError(`${name}.${entry}: needs at least one output`);
      const tensors = outputs.map((y) =>
        y instanceof Tensor ? y : allocate(runtime, y.shape, y.dtype ?? 'f32'),
      );
      launch(file, entry, { inputs, outputs: tensors, ...options });
      return tensors;
    },
  };
}

export interface CustomOp {
  readonly name: string;
  /** Computes the output; what it does is not recorded. */
  readonly forward: (...inputs: Tensor[]) => Tensor;
  /** The gradients of the inputs, in order; null where there is none. Written with ops, it can be differentiated again. */
  readonly backward: (
    dy: Tensor,
    saved: { readonly inputs: readonly Tensor[]; readonly output: Tensor },
  ) => Gradients;
}

/** A differentiable op from a forward and a backward, for example around kernels of your own. */
export function customOp({ name, forward, backward }: CustomOp): (...inputs: Tensor[]) => Tensor {
  return (...inputs) => {
    const result = untaped(() => forward(...inputs));
    // An input that is handed through keeps its own place in the graph.
    const output = inputs.includes(result) ? result.detach() : result;
    return record({
      name,
      inputs,
      output,
      saved: [...inputs, output],
      backward: (dy, saved) => backward(dy, { inputs: saved.slice(0, -1), output: saved.at(-1)! }),
    });
  };
}
