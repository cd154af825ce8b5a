// A training step of the transformer of src/llm/transformer.ts in jax-js, under one `jit`: rotary positions, layer norm
// without bias, GELU, tied embeddings; clipping by the global norm, and AdamW. Without dropout, where the item has it.

import type { TrainSettings } from '../../src/llm/settings.ts';
import type { HostArrays, Item } from '../item.ts';
import { type JAX, type JaxArray, type JaxArrays, type JaxSteps, uploadJax } from './jax.ts';
import {
  type JaxState,
  jaxAttention,
  jaxCrossEntropy,
  jaxState,
  jaxUpdate,
  named,
} from './jax_ops.ts';
import { ropeTables, updateOptions } from './training.ts';

export function jaxTraining(jax: JAX, item: Item, inputs: HostArrays): JaxSteps {
  const { ids, targets, ...parameters } = inputs;
  const settings = item.options as unknown as TrainSettings;
  const flat = (x: NonNullable<typeof ids>) => uploadJax(jax, { ...x, shape: [x.data.length] });
  const [tokens, wanted] = [flat(ids!), flat(targets!)];
  const forward = transformer(jax, settings);
  const options = updateOptions(item);

  const step = jax.jit((state: JaxState, ids: JaxArray, targets: JaxArray) => {
    const loss = (p: JaxArrays) => jaxCrossEntropy(jax, forward(p, ids.ref), targets.ref);
    const p = Object.fromEntries(Object.entries(state.p).map(([name, x]) => [name, x.ref]));
    const [value, gradients] = jax.valueAndGrad(loss)(p) as unknown as [JaxArray, JaxArrays];
    ids.dispose();
    targets.dispose();
    return [value, jaxUpdate(jax, options, state, clipped(jax, gradients, settings.gradClip))];
  });

  const uploaded = Object.entries(parameters).map(
    ([name, x]) => [name, uploadJax(jax, x)] as const,
  );
  let state = jaxState(jax, Object.fromEntries(uploaded));
  let [first, last]: (JaxArray | undefined)[] = [];
  return {
    run() {
      const [loss, next] = step(state, tokens.ref, wanted.ref) as unknown as [JaxArray, JaxState];
      state = next;
      first ??= loss.ref;
      last?.dispose();
      last = loss.ref;
      return { loss, ...named('p', state.p), ...named('m', state.m), ...named('v', state.v) };
    },
    async results() {
      const losses = [(await first!.ref.data())[0]!, (await last!.ref.data())[0]!];
      return { losses, vocabularySize: [parameters['tokens.weight']!.shape[0]!] };
    },
  };
}

function clipped({ numpy: np }: JAX, gradients: JaxArrays, maxNorm: number): JaxArrays {
  const squares = Object.values(gradients).map((g) => np.sum(np.square(g.ref)));
  const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
  const scale = np.minimum(1, np.divide(maxNorm, norm.add(1e-6)));
  const entries = Object.entries(gradients).map(([name, g]) => [name, g.mul(scale.ref)] as const);
  scale.dispose();
  return Object.fromEntries(entries);
}

/** Parameters, which it consumes, and ids [B * T] -> logits [B * T, V]. */
function transformer(jax: JAX, settings: TrainSettings) {
  const { numpy: np, nn } = jax;
  const { batch: B, context: T, heads: H, width: C, layers } = settings;
  const D = C / H;
  const table = ropeTables(T, D);
  const constant = (data: Float32Array) =>
    uploadJax(jax, { shape: [T, D / 2], dtype: 'f32', data });
  const [cos, sin] = [constant(table.cos), constant(table.sin)];

  const split = (x: JaxArray) => np.transpose(x.reshape([B, T, H, D]), [0, 2, 1, 3]);
  const rotated = (x: JaxArray) => {
    const [a, b] = np.split(x, 2, -1) as [JaxArray, JaxArray];
    const left = a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref));
    return np.concatenate([left, b.mul(cos.ref).add(a.mul(sin.ref))], -1);
  };

  return (p: JaxArrays, ids: JaxArray): JaxArray => {
    const take = (name: string) => p[`${name}.weight`]!;
    const linear = (x: JaxArray, name: string) => np.matmul(x, np.matrixTranspose(take(name)));
    const norm = (x: JaxArray, name: string) => nn.standardize(x).mul(take(name));

    const attention = (x: JaxArray, name: string) => {
      const [q, k, v] = np.split(linear(x, `${name}.qkv`), 3, -1).map(split);
      const mixed = jaxAttention(jax, rotated(q!), rotated(k!), v!);
      const joined = np.transpose(mixed, [0, 2, 1, 3]).reshape([B * T, C]);
      return linear(joined, `${name}.output`);
    };

    let h = np.take(take('tokens').ref, ids, 0);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      h = h.ref.add(attention(norm(h, `${block}.attentionNorm`), `${block}.attention`));
      const up = linear(norm(h.ref, `${block}.mlpNorm`), `${block}.mlp.up`);
      h = h.add(linear(nn.gelu(up, { approximate: false }), `${block}.mlp.down`));
    }
    return linear(norm(h, 'norm'), 'tokens');
  };
}
