// Gradient checkpointing (Chen et al. 2016): of a function's forward pass only the inputs are kept, and backward runs the
// function again for what else it needs. Memory for time: about one more forward pass.

import { randomState } from '../ops/random.ts';
import { scope, tidy } from '../tensor/scope.ts';
import { grad, isRecording, leavesBelow, nodeCount, record, recorded } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * fn(...inputs), recomputed in the backward pass; the gradients are those without it, bit for bit.
 *
 * `fn` gives the same each time it is called with the same inputs. It may use parameters freely, and random ops: they draw
 * the same numbers again. What was computed from parameters outside is passed as an input.
 * There is no second derivative.
 * @throws TensorError when `fn` uses a tensor that was computed outside and has a gradient.
 */
export function checkpoint<const Inputs extends readonly [Tensor, ...Tensor[]]>(
  fn: (...inputs: Inputs) => Tensor,
  ...inputs: Inputs
): Tensor {
  if (!isRecording()) return fn(...inputs);
  const random = randomState(inputs[0].runtime);
  const { stream } = random;
  const run = (own: readonly Tensor[]) => fn(...(own as unknown as Inputs));

  const { output, leaves } = scope(() => {
    const own = cutOff(inputs);
    const before = nodeCount();
    const output = run(own);
    const leaves = leavesBelow(output, before).filter((leaf) => !own.includes(leaf));
    return { output, leaves };
  });

  return record({
    name: 'checkpoint',
    inputs: [...inputs, ...leaves],
    output,
    // The parameters and the random state are saved so that a change before backward is noticed.
    saved: [...inputs, ...leaves, random.tensor],
    backward: null,
    fused: (dy, saved) => {
      const own = cutOff(saved.slice(0, inputs.length));
      const y = random.rewound(stream, () => recorded(() => tidy(() => run(own))));
      const sources = [...own, ...leaves];
      const trained = sources.filter((x) => x.requiresGrad);
      const gradients = grad(y, trained, { dy });
      return sources.map((x) => (x.requiresGrad ? gradients[trained.indexOf(x)]! : null));
    },
  });
}

/** The same tensors as leaves of a graph of their own. */
function cutOff(inputs: readonly Tensor[]): Tensor[] {
  return inputs.map((x) => {
    const own = x.detach();
    if (x.requiresGrad) own.edge = { leaf: own };
    return own;
  });
}
