// The training items for peers: the same initial parameters and the same batch as ours have in the first step.

import { modelConfig, type TrainSettings } from '../../src/llm/settings.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import type { Device } from '../../src/ops/device.ts';
import { batch } from '../../src/text/loader.ts';
import type { HostArray, HostArrays, Item } from '../item.ts';

/** ids and targets [B, T], and the parameters by their names in the model. */
export async function trainingInputs(device: Device, item: Item): Promise<HostArrays> {
  const settings = item.options as unknown as TrainSettings;
  const { context: T, batch: B, seed } = settings;
  const tokens = item.inputs().tokens!.data as Int32Array;
  const train = tokens.subarray(0, tokens.length - Math.ceil(tokens.length * 0.1)); // as splitText
  const windows = batch(train, { batch: B, context: T, seed, step: 0 });
  const vocabulary = new Set(tokens).size;
  const model = new Transformer(new Initialiser(device, seed), modelConfig(settings, vocabulary));
  const parameters: [string, HostArray][] = [];
  for (const [name, x] of model.namedParameters()) {
    parameters.push([
      name,
      { shape: x.shape, dtype: 'f32', data: (await x.data()) as Float32Array },
    ]);
  }
  model.dispose();
  const ids = (data: Int32Array): HostArray => ({ shape: [B, T], dtype: 'i32', data });
  return {
    ids: ids(windows.inputs),
    targets: ids(windows.targets),
    ...Object.fromEntries(parameters),
  };
}

/** The optimiser's options, as the AdamW items name them. */
export function updateOptions({ options }: Item): Record<string, number> {
  const { learningRate, beta1, beta2, eps, weightDecay } = options as unknown as TrainSettings;
  return { lr: learningRate, beta1, beta2, eps, weightDecay };
}

/** cos and sin of position × frequency, [T, D / 2] each, for rotary positions. */
export function ropeTables(T: number, D: number): { cos: Float32Array; sin: Float32Array } {
  const angle = (i: number) => Math.floor(i / (D / 2)) * 10_000 ** ((-2 * (i % (D / 2))) / D);
  const table = (f: (x: number) => number) =>
    Float32Array.from({ length: (T * D) / 2 }, (_, i) => f(angle(i)));
  return { cos: table(Math.cos), sin: table(Math.sin) };
}
