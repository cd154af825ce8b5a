// Random numbers on the device: the kernels' part of Philox (src/tensor/philox.ts has the host's).
//
// A kernel's numbers depend on (seed, stream, step, element) alone. Seed and step lie in a small tensor that the
// kernels read, so that a recorded step can run again with the next step's numbers; the stream counts the random
// ops of a step.

import source from '../../kernels/random.wgsl' with { type: 'text' };
import { ConfigError } from '../errors.ts';
import { keyOf } from '../tensor/philox.ts';
import type { Shape } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, groupsFor, kernelFile, launch } from './launch.ts';

const kernel = kernelFile('random', source);

export interface RandomState {
  /** u32 [4]: the key's two words, the step, 0. Bind it as an input. */
  readonly tensor: Tensor;
  /** The stream of the next random op of this step. */
  nextStream(): number;
  /** The stream that `nextStream` will give. */
  readonly stream: number;
  /** Runs `fn` with the streams from `from` on, as an earlier run of it had, and goes on where it was. */
  rewound<T>(from: number, fn: () => T): T;
  /** Begins a step: the numbers of its ops follow from seed and step alone. */
  begin(seed: number | bigint, step: number): void;
}

const states = new WeakMap<Runtime, RandomState>();

/** The device's random state; seed 0, step 0 until `begin` is called. */
export function randomState(runtime: Runtime): RandomState {
  const existing = states.get(runtime);
  if (existing) return existing;
  const tensor = runtime.gpu.uncaptured(() => {
    const made = allocate(runtime, [4], 'u32');
    made.write([...keyOf(0), 0, 0]);
    return made;
  });
  tensor.kept = true;
  let stream = 0;
  const state: RandomState = {
    tensor,
    nextStream: () => stream++,
    get stream() {
      return stream;
    },
    rewound(from, fn) {
      const here = stream;
      stream = from;
      try {
        return fn();
      } finally {
        stream = here;
      }
    },
    begin(seed, step) {
      stream = 0;
      tensor.write([...keyOf(seed), step, 0]);
    },
  };
  states.set(runtime, state);
  return state;
}

/**
 * Sets elements to 0 with probability `p` and scales the others by 1 / (1 - p) (Srivastava et al. 2014).
 * The mask is never stored: backward computes it again from the same counter.
 */
export function dropout(x: Tensor, { p }: { p: number }): Tensor {
  expectDType('dropout', 'x', x, 'f32');
  if (!(p >= 0 && p < 1))
    throw new ConfigError(`dropout: p is a probability from 0 up to but without 1, got ${p}`);
  if (p === 0) return x;
  const state = randomState(x.runtime);
  return masked(x, state.tensor, p, state.nextStream());
}

/** y = x * mask / (1 - p); linear in x, so its gradient is the same op on dy. */
function masked(x: Tensor, state: Tensor, p: number, stream: number): Tensor {
  const output = allocate(x.runtime, x.shape, 'f32');
  const params = { size: x.size, stream, step: 0, key: [0, 0], p };
  launch(kernel, 'dropout', {
    inputs: [x, state],
    outputs: [output],
    params,
    workgroups: groupsFor(x.size),
  });
  return record({
    name: 'dropout',
    inputs: [x],
    output,
    saved: [state],
    backward: (dy, [state]) => [masked(dy, state, p, stream)],
  });
}

export interface RandomOptions {
  /** Default 0. */
  readonly seed?: number | bigint;
  /** Streams of one seed are independent. Default 0. */
  readonly stream?: number;
  readonly step?: number;
}

/** Uniforms from [0, 1), multiples of 2^-24; the same bits on every adapter and in TypeScript. */
export function uniform(runtime: Runtime, shape: Shape, options: RandomOptions = {}): Tensor {
  return generate('uniforms', runtime, shape, options);
}

/** Standard normals, within 1e-6 of the float64 ones of TypeScript. */
export function normal(runtime: Runtime, shape: Shape, options: RandomOptions = {}): Tensor {
  return generate('normals', runtime, shape, options);
}

function generate(
  entry: string,
  runtime: Runtime,
  shape: Shape,
  { seed = 0, stream = 0, step = 0 }: RandomOptions,
): Tensor {
  const y = allocate(runtime, shape, 'f32');
  const params = { size: y.size, stream, step, key: [...keyOf(seed)], p: 0 };
  launch(kernel, entry, { inputs: [], outputs: [y], params, workgroups: groupsFor(y.size) });
  return y;
}
