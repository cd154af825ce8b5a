// Greedy generation by the transformer of src/llm/transformer.ts in TensorFlow.js: the prompts in one pass, then a token at
// a time with the keys and values so far, to which eager ops append; the tokens stay on the device.

import type { Tensor } from '@tensorflow/tfjs';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import type { HostArrays, Item } from '../item.ts';
import type { TF, TFSteps, TFTensors } from './tfjs.ts';
import { tfjsAttention, tfjsLayerNorm } from './tfjs_ops.ts';
import { ropeTables } from './training.ts';

/** Keys and values of each layer, [B, H, T, D]. */
type Cache = readonly { readonly k: Tensor; readonly v: Tensor }[];

interface Next {
  /** [B] */
  readonly ids: Tensor;
  readonly cache: Cache;
}

export function tfjsGeneration(tf: TF, item: Item, { prompts, ...weights }: HostArrays): TFSteps {
  const { B, P, N } = item.shape as Record<string, number> & { B: number; P: number; N: number };
  const tensors = Object.entries(weights).map(
    ([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const,
  );
  const ids = tf.tensor(Int32Array.from(prompts!.data), [B * P], 'int32');
  const config = item.options as unknown as TransformerConfig;
  const next = nextTokens(tf, config, Object.fromEntries(tensors), B, P, P + N);
  return {
    run() {
      let state = tf.tidy(() => next(ids, 0) as never) as Next;
      const drawn = [state.ids];
      for (let step = 1; step < N; step++) {
        const before = state;
        state = tf.tidy(() => next(before.ids, P + step - 1, before.cache) as never) as Next;
        tf.dispose(before.cache as never);
        drawn.push(state.ids);
      }
      return { ids: tf.stack(drawn, 1) };
    },
  };
}

/** The likeliest tokens after ids [B * T], the first of which stand at `position`. */
function nextTokens(
  tf: TF,
  { heads: H, width: C, layers }: TransformerConfig,
  weight: TFTensors,
  B: number,
  P: number,
  positions: number,
) {
  const D = C / H;
  const table = ropeTables(positions, D);
  const turns = [table.cos, table.sin].map((x) => tf.tensor(x, [positions, D / 2]));
  const attendPrompt = tfjsAttention(tf, P, D);
  const attendAll = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
    tf.matMul(tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(D))), v);
  const linear = (x: Tensor, name: string) =>
    tf.matMul(x as never, weight[`${name}.weight`]! as never, false, true) as Tensor;
  const norm = (x: Tensor, name: string) => tfjsLayerNorm(tf, x, weight[`${name}.weight`]!);
  const gelu = (x: Tensor) => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1));

  return (ids: Tensor, position: number, cache?: Cache): Next => {
    const T = cache ? 1 : P;
    const [cos, sin] = turns.map((x) => tf.slice(x, [position, 0], [T, D / 2])) as [Tensor, Tensor];
    const split = (x: Tensor) => x.reshape([B, T, H, D]).transpose([0, 2, 1, 3]);
    const rotated = (x: Tensor) => {
      const [a, b] = tf.split(x, 2, -1) as [Tensor, Tensor];
      return tf.concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1);
    };
    const kept: { k: Tensor; v: Tensor }[] = [];
    let h: Tensor = tf.gather(weight['tokens.weight']!, ids as never);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      const packed = linear(norm(h, `${block}.attentionNorm`), `${block}.attention.qkv`);
      const [q, k, v] = tf.split(packed, 3, -1).map(split) as [Tensor, Tensor, Tensor];
      const before = cache?.[i];
      const keys = before ? tf.concat([before.k, rotated(k)], 2) : rotated(k);
      const values = before ? tf.concat([before.v, v], 2) : v;
      kept.push({ k: keys, v: values });
      const mixed = (before ? attendAll : attendPrompt)(rotated(q), keys, values);
      const joined = mixed.transpose([0, 2, 1, 3]).reshape([B * T, C]);
      h = h.add(linear(joined, `${block}.attention.output`));
      const up = linear(norm(h, `${block}.mlpNorm`), `${block}.mlp.up`);
      h = h.add(linear(gelu(up), `${block}.mlp.down`));
    }
    const last = tf.slice(h.reshape([B, T, C]), [0, T - 1, 0], [B, 1, C]).reshape([B, C]);
    return { ids: tf.argMax(linear(norm(last, 'norm'), 'tokens'), -1), cache: kept };
  };
}
