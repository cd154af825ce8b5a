// Looking into a model: what it expects after each token of a text, and which tokens each position attends to.

import { ConfigError, DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Transformer } from './transformer.ts';
import { headSizeOf } from './transformer_config.ts';

export interface Look {
  /** [T, V], of the token after each position. */
  readonly logits: Float32Array;
  /** [layers, H, T, T]: row i is how much position i takes of each; it sums to 1. */
  readonly attention: Float32Array;
}

/**
 * @param ids T tokens, at most the model's context
 * @throws DataError for no ids, or too many; ConfigError for a model that is no decoder
 */
export async function lookInto(
  device: Device,
  model: Transformer,
  ids: ArrayLike<number>,
): Promise<Look> {
  const { context, architecture = 'decoder', heads } = model.config;
  const T = ids.length;
  if (architecture !== 'decoder')
    throw new ConfigError(`lookInto: the model is an ${architecture}, expected a decoder`);
  if (T < 1 || T > context)
    throw new DataError(`lookInto: ${T} tokens, expected 1 to ${context}, the model's context`);
  const D = headSizeOf(model.config);
  const S = D * Math.ceil(T / D);
  const ones = Float32Array.from({ length: S * S }, (_, i) => Number(i % (S + 1) === 0));
  const [logits, ...layers] = device.scope(() =>
    noGrad(() => {
      const x = device.tensor(Int32Array.from(ids), { shape: [1, T] });
      const identity = device.tensor(ones, { shape: [S, S] });
      return [model.forward(x), ...model.attentionWeights(x, identity)];
    }),
  );
  const attention = new Float32Array(layers.length * heads * T * T);
  for (const [i, weights] of layers.entries()) {
    attention.set((await weights.data()) as Float32Array, i * heads * T * T);
    weights.dispose();
  }
  const values = (await logits!.data()) as Float32Array;
  logits!.dispose();
  return { logits: values, attention };
}
