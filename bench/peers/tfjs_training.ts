// A training step of the transformer of src/llm/transformer.ts in TensorFlow.js: rotary positions, layer norm without
// bias, GELU, tied embeddings; clipping by the global norm, and AdamW. Without dropout, where the item has it.

import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { TrainSettings } from '../../src/llm/settings.ts';
import type { HostArrays, Item } from '../item.ts';
import type { TF, TFSteps, TFTensors } from './tfjs.ts';
import { tfjsAttention, tfjsLayerNorm, tfjsUpdate } from './tfjs_ops.ts';
import { ropeTables, updateOptions } from './training.ts';

export function tfjsTraining(tf: TF, item: Item, inputs: HostArrays): TFSteps {
  const { ids, targets, ...parameters } = inputs;
  const settings = item.options as unknown as TrainSettings;
  const variables = Object.entries(parameters).map(([name, { data, shape }]) =>
    tf.variable(tf.tensor(data, [...shape]), true, name),
  );
  const integers = (data: ArrayLike<number>, shape: number[]) =>
    tf.tensor(Int32Array.from(data), shape, 'int32');
  const flatIds = integers(ids!.data, [ids!.data.length]);
  const vocabulary = parameters['tokens.weight']!.shape[0]!;
  const labels = tf.oneHot(integers(targets!.data, [targets!.data.length]), vocabulary);
  const forward = transformer(tf, settings, variables);
  const step = tfjsUpdate(
    tf,
    { options: updateOptions(item) },
    variables.filter(({ rank }) => rank >= 2),
  );
  let [first, last]: (Tensor | undefined)[] = [];
  return {
    run() {
      const loss = () => tf.losses.softmaxCrossEntropy(labels, forward(flatIds)) as never;
      const { value, grads } = tf.variableGrads(loss);
      step(clipped(tf, grads, settings.gradClip));
      last = value;
      first ??= tf.keep(tf.clone(value));
      return { loss: value };
    },
    async results() {
      const losses = [(await first!.data())[0]!, (await last!.data())[0]!];
      return { losses, vocabularySize: [vocabulary] };
    },
  };
}

function clipped(tf: TF, gradients: TFTensors, maxNorm: number): TFTensors {
  const squares = Object.values(gradients).map((g) => tf.sum(tf.square(g)));
  const norm = tf.sqrt(tf.addN(squares));
  const scale = tf.minimum(1, tf.div(maxNorm, norm.add(1e-6)));
  return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, g.mul(scale)]));
}

/** ids [B * T] -> logits [B * T, V]. */
function transformer(tf: TF, settings: TrainSettings, variables: readonly Variable[]) {
  const { batch: B, context: T, heads: H, width: C, layers } = settings;
  const D = C / H;
  const weight = new Map<string, Tensor>(variables.map((x) => [x.name, x]));
  const attend = tfjsAttention(tf, T, D);
  const table = ropeTables(T, D);
  const [cos, sin] = [tf.tensor(table.cos, [T, D / 2]), tf.tensor(table.sin, [T, D / 2])];

  const linear = (x: Tensor, name: string) =>
    tf.matMul(x as never, weight.get(`${name}.weight`)! as never, false, true) as Tensor;
  const norm = (x: Tensor, name: string) => tfjsLayerNorm(tf, x, weight.get(`${name}.weight`)!);
  const split = (x: Tensor) => x.reshape([B, T, H, D]).transpose([0, 2, 1, 3]);
  const rotated = (x: Tensor) => {
    const [a, b] = tf.split(x, 2, -1) as [Tensor, Tensor];
    return tf.concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1);
  };
  const gelu = (x: Tensor) => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1));

  const attention = (x: Tensor, name: string) => {
    const [q, k, v] = tf.split(linear(x, `${name}.qkv`), 3, -1).map(split);
    const mixed = attend(rotated(q!), rotated(k!), v!);
    return linear(mixed.transpose([0, 2, 1, 3]).reshape([B * T, C]), `${name}.output`);
  };

  return (ids: Tensor): Tensor => {
    const tokens = weight.get('tokens.weight')!;
    let h: Tensor = tf.gather(tokens, ids as never);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      h = h.add(attention(norm(h, `${block}.attentionNorm`), `${block}.attention`));
      const up = linear(norm(h, `${block}.mlpNorm`), `${block}.mlp.up`);
      h = h.add(linear(gelu(up), `${block}.mlp.down`));
    }
    return tf.matMul(norm(h, 'norm') as never, tokens as never, false, true);
  };
}
