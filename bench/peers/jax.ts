// jax-js on its WebGPU backend: each item is one function under `jit`, with `vjp` or `valueAndGrad` inside.

import type * as Jax from '@jax-js/jax';
import type { HostArray, HostArrays, Item, Results } from '../item.ts';
import { jaxGeneration } from './jax_generation.ts';
import { jaxAdamW, jaxOps } from './jax_ops.ts';
import { jaxTraining } from './jax_training.ts';
import { type Peer, type PeerWork, wantedGradients } from './peer.ts';

export type JAX = typeof Jax;
export type JaxArray = Jax.Array;
export type JaxArrays = Record<string, JaxArray>;

/** A work whose calls are submitted and awaited by `works`; `run` gives arrays that the caller frees. */
export interface JaxSteps {
  run(): JaxArrays;
  results?(): Promise<Results>;
}

let jax: JAX;

export const jaxJs: Peer = {
  name: 'jax-js',
  version: '0.1.25',
  cannot: ({ op }) => (op in jaxOps || op in STEPS ? null : `no composition of ${op}`),

  async open() {
    jax = await import('@jax-js/jax');
    const devices = await jax.init('webgpu');
    if (!devices.includes('webgpu')) throw new Error('jax-js finds no WebGPU');
    jax.defaultDevice('webgpu');
  },

  async start(item, inputs) {
    return works(STEPS[item.op]?.(jax, item, inputs) ?? opSteps(item, inputs));
  },
};

const STEPS: Readonly<Record<string, (jax: JAX, item: Item, inputs: HostArrays) => JaxSteps>> = {
  AdamW: jaxAdamW,
  'Trainer.step': jaxTraining,
  generate: jaxGeneration,
};

export function uploadJax({ numpy: np }: JAX, { data, shape }: HostArray): JaxArray {
  return np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

/** An op's call, with the gradients that the item wants. jax-js frees its arguments: `ref` keeps one. */
function opSteps(item: Item, inputs: HostArrays): JaxSteps {
  const forward = jaxOps[item.op]!(jax, item);
  const wanted = wantedGradients(item);
  const outputName = item.op === 'ppoLoss' ? 'loss' : 'out';
  const x = Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [name, uploadJax(jax, values)]),
  );
  const both = ({ dy, ...rest }: JaxArrays): JaxArrays => {
    const leaves = wanted.map((name) => rest[name]!);
    const others = Object.fromEntries(
      Object.entries(rest).filter(([name]) => !wanted.includes(name)),
    );
    const differentiable = (...arrays: JaxArray[]) => {
      const replaced = Object.fromEntries(wanted.map((name, i) => [name, arrays[i]!]));
      const kept = Object.fromEntries(Object.entries(others).map(([name, v]) => [name, v.ref]));
      return forward({ ...kept, ...replaced })[outputName]!;
    };
    const [value, pullback] = jax.vjp(differentiable, leaves);
    const gradients = pullback(dy ?? jax.numpy.ones([])) as JaxArray[];
    pullback.dispose();
    for (const other of Object.values(others)) other.dispose();
    const named = wanted.map((name, i) => [`d${name}`, gradients[i]!] as const);
    return { [outputName]: value, ...Object.fromEntries(named) };
  };
  const call = jax.jit(wanted.length > 0 ? both : forward);
  return { run: () => call(held(x)) as JaxArrays };
}

/** The same arrays, each with a reference that the callee may consume. */
export function held(x: JaxArrays): JaxArrays {
  return Object.fromEntries(Object.entries(x).map(([name, value]) => [name, value.ref]));
}

function works(steps: JaxSteps): PeerWork {
  const { queue } = jax.getWebGPUDevice();
  let last: JaxArrays = {};
  return {
    async sample(calls) {
      for (let i = 0; i < calls; i++) {
        for (const x of Object.values(last)) x.dispose();
        last = steps.run();
        // What is not asked for is not computed: this submits the work, and does not wait for it.
        for (const x of Object.values(last)) x.ref.gpuBufferSync();
      }
      await queue.onSubmittedWorkDone();
      return calls;
    },
    async results() {
      if (steps.results) return steps.results();
      const read = Object.entries(last).map(
        async ([name, x]) => [name, (await x.ref.data()) as Float32Array] as const,
      );
      return Object.fromEntries(await Promise.all(read));
    },
  };
}
