// Items of a single op: the call, forward or forward+backward, and the check against the op's float64 reference.

import { grad } from '../src/tensor/tape.ts';
import { Tensor } from '../src/tensor/tensor.ts';
import type { OpReference } from '../test/reference/case.ts';
import type { HostArrays, Item, Tensors } from './item.ts';
import { checkParts, type Part, wholeOf } from './sample.ts';

type Given = Pick<Item, 'name' | 'family' | 'shape' | 'flops' | 'bytes' | 'inputs'> &
  Partial<Pick<Item, 'quick' | 'direction' | 'options' | 'dtype' | 'requires' | 'sized'>>;

export interface OpItem extends Given {
  /** The op's float64 mathematics. */
  readonly reference: OpReference;
  /** The call. A record of tensors, or one tensor: `out`. */
  readonly call: (x: Tensors) => Tensor | Tensors;
  /** Inputs whose gradients are wanted in forward+backward; `dy` among the inputs is the upstream gradient. */
  readonly wanted?: readonly string[];
  /** What is compared; default all. */
  readonly parts?: (inputs: HostArrays) => readonly Part[];
}

export function opItem({ reference, call, wanted = [], parts = wholeOf, ...given }: OpItem): Item {
  const { direction = 'forward', options = {}, quick = false } = given;
  return {
    dtype: 'f32',
    ...given,
    op: reference.op,
    direction,
    options,
    quick,
    start(device, x) {
      if (direction === 'forward') return { run: () => device.scope(() => named(call(x))) };
      const leaves = wanted.map((name) => x[name]!.requireGrad());
      const run = () => {
        const outputs = named(call(x));
        const [first] = Object.values(outputs);
        const gradients = grad(first!, leaves, x.dy ? { dy: x.dy } : {});
        const entries = wanted.map((name, i) => [`d${name}`, gradients[i]!] as const);
        return { ...outputs, ...Object.fromEntries(entries) };
      };
      return { run: () => device.scope(run) };
    },
    check: (inputs, results) => checkParts(reference, options, parts(inputs), results),
  };
}

const named = (result: Tensor | Tensors): Tensors =>
  result instanceof Tensor ? { out: result } : result;
