// TensorFlow.js on its WebGPU backend: eager ops, its own gradients; each call in `tidy`.

import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { HostArrays, Item, Results } from '../item.ts';
import { type Peer, type PeerWork, wantedGradients } from './peer.ts';
import { tfjsGeneration } from './tfjs_generation.ts';
import { tfjsAdamW, tfjsOps } from './tfjs_ops.ts';
import { tfjsTraining } from './tfjs_training.ts';

export type TF = typeof TensorFlow;
export type TFTensors = Readonly<Record<string, TensorFlow.Tensor>>;

/** A work whose calls are recorded and awaited by `session`. */
export interface TFSteps {
  run(): TFTensors;
  results?(): Promise<Results>;
}

let tf: TF;

export const tfjs: Peer = {
  name: 'tfjs',
  version: '4.22.0',
  cannot: ({ op }) => (op in tfjsOps || op in STEPS ? null : `no composition of ${op}`),

  async open() {
    // The packages' ES modules cannot be loaded by Node; their CommonJS files can.
    const require = createRequire(import.meta.url);
    tf = require('@tensorflow/tfjs');
    require('@tensorflow/tfjs-backend-webgpu');
    await tf.setBackend('webgpu');
    await tf.ready();
    // Else small inputs are computed on the CPU.
    tf.env().set('WEBGPU_CPU_FORWARD', false);
  },

  async start(item, inputs) {
    const steps = STEPS[item.op]?.(tf, item, inputs) ?? opSteps(item, upload(inputs));
    return works(steps);
  },
};

const STEPS: Readonly<Record<string, (tf: TF, item: Item, inputs: HostArrays) => TFSteps>> = {
  AdamW: (tf, item, inputs) => tfjsAdamW(tf, item, upload(inputs)),
  'Trainer.step': tfjsTraining,
  generate: tfjsGeneration,
};

function upload(inputs: HostArrays): TFTensors {
  const tensors = Object.entries(inputs).map(([name, { data, shape, dtype }]) => {
    return [name, tf.tensor(data, [...shape], dtype === 'i32' ? 'int32' : 'float32')] as const;
  });
  return Object.fromEntries(tensors);
}

/** An op's call, with the gradients that the item wants. */
function opSteps(item: Item, { dy, ...x }: TFTensors): TFSteps {
  const forward = tfjsOps[item.op]!(tf, item);
  const wanted = wantedGradients(item);
  if (wanted.length === 0) return { run: () => forward(x) };
  const outputName = item.op === 'ppoLoss' ? 'loss' : 'out';
  const differentiable = (...leaves: TensorFlow.Tensor[]) => {
    const replaced = Object.fromEntries(wanted.map((name, i) => [name, leaves[i]!]));
    return forward({ ...x, ...replaced })[outputName]!;
  };
  const both = tf.valueAndGrads(differentiable);
  return {
    run() {
      const leaves = wanted.map((name) => x[name]!);
      const { value, grads } = both(leaves, dy);
      const gradients = wanted.map((name, i) => [`d${name}`, grads[i]!] as const);
      return { [outputName]: value, ...Object.fromEntries(gradients) };
    },
  };
}

function works(steps: TFSteps): PeerWork {
  const backend = tf.backend() as WebGPUBackend;
  let last: TFTensors = {};
  return {
    async sample(calls) {
      for (let i = 0; i < calls; i++) {
        tf.dispose({ ...last });
        last = tf.tidy(() => ({ ...steps.run() }));
      }
      submit(backend);
      await backend.device.queue.onSubmittedWorkDone();
      return calls;
    },
    async results() {
      if (steps.results) return steps.results();
      const read = Object.entries(last).map(
        async ([name, x]) => [name, (await x.data()) as Float32Array] as const,
      );
      return Object.fromEntries(await Promise.all(read));
    },
  };
}

/** Hands over what is recorded: the backend does so by itself every 15 dispatches, and when something is read. */
function submit(backend: WebGPUBackend): void {
  const { commandEncoder } = backend as unknown as { commandEncoder: object | null };
  if (!commandEncoder) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}
