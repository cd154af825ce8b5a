// Greedy generation by the transformer of src/llm/transformer.ts in jax-js: the prompts under one `jit`, then a token at a
// time under another, with keys and values in arrays of one shape, into which `where` puts the new ones.

import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import type { HostArrays, Item } from '../item.ts';
import { held, type JAX, type JaxArray, type JaxArrays, type JaxSteps, uploadJax } from './jax.ts';
import { jaxAttention } from './jax_ops.ts';
import { ropeTables } from './training.ts';

/** ids [B], the position after them [1], and of each layer keys `k0` and values `v0`, [B, H, positions, D]. */
type State = JaxArrays;

export function jaxGeneration(jax: JAX, item: Item, { prompts, ...weights }: HostArrays): JaxSteps {
  const { B, P, N } = item.shape as Record<string, number> & { B: number; P: number; N: number };
  const p = Object.fromEntries(
    Object.entries(weights).map(([name, x]) => [name, uploadJax(jax, x)]),
  );
  const ids = uploadJax(jax, { ...prompts!, shape: [B * P] });
  const config = item.options as unknown as TransformerConfig;
  const { prompt, step } = transformer(jax, config, B, P, P + N);
  const [first, next] = [jax.jit(prompt), jax.jit(step)];
  return {
    run() {
      let state = first(held(p), ids.ref) as unknown as State;
      const drawn = [state.ids!.ref];
      for (let n = 1; n < N; n++) {
        state = next(held(p), state) as unknown as State;
        drawn.push(state.ids!.ref);
      }
      for (const x of Object.values(state)) x.dispose();
      return { ids: jax.numpy.stack(drawn, 1) };
    },
  };
}

function transformer(
  jax: JAX,
  { heads: H, width: C, layers }: TransformerConfig,
  B: number,
  P: number,
  positions: number,
) {
  const { numpy: np, nn } = jax;
  const D = C / H;
  const table = ropeTables(positions, D);
  const constant = (data: Float32Array, rows = positions) =>
    uploadJax(jax, { shape: [rows, D / 2], dtype: 'f32', data });
  const [cos, sin] = [constant(table.cos), constant(table.sin)];
  const [cosOfPrompt, sinOfPrompt] = [table.cos, table.sin].map((x) =>
    constant(x.slice(0, (P * D) / 2), P),
  ) as [JaxArray, JaxArray];

  const take = (p: JaxArrays, name: string) => p[`${name}.weight`]!.ref;
  const linear = (p: JaxArrays, x: JaxArray, name: string) =>
    np.matmul(x, np.matrixTranspose(take(p, name)));
  const norm = (p: JaxArrays, x: JaxArray, name: string) => nn.standardize(x).mul(take(p, name));
  const rotated = (x: JaxArray, cos: JaxArray, sin: JaxArray) => {
    const [a, b] = np.split(x, 2, -1) as [JaxArray, JaxArray];
    const left = a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref));
    return np.concatenate([left, b.mul(cos.ref).add(a.mul(sin.ref))], -1);
  };

  /** The blocks over T positions; `attend` is given each layer's queries, keys and values [B, H, T, D]. */
  const blocks = (
    p: JaxArrays,
    ids: JaxArray,
    T: number,
    attend: (i: number, q: JaxArray, k: JaxArray, v: JaxArray) => JaxArray,
  ): JaxArray => {
    const split = (x: JaxArray) => np.transpose(x.reshape([B, T, H, D]), [0, 2, 1, 3]);
    let h = np.take(take(p, 'tokens'), ids, 0);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      const packed = linear(p, norm(p, h.ref, `${block}.attentionNorm`), `${block}.attention.qkv`);
      const [q, k, v] = np.split(packed, 3, -1).map(split) as [JaxArray, JaxArray, JaxArray];
      const joined = np.transpose(attend(i, q, k, v), [0, 2, 1, 3]).reshape([B * T, C]);
      h = h.add(linear(p, joined, `${block}.attention.output`));
      const up = linear(p, norm(p, h.ref, `${block}.mlpNorm`), `${block}.mlp.up`);
      h = h.add(linear(p, nn.gelu(up, { approximate: false }), `${block}.mlp.down`));
    }
    return h;
  };
  const likeliest = (p: JaxArrays, h: JaxArray) =>
    np.argmax(linear(p, norm(p, h, 'norm'), 'tokens'), -1);
  const free = (p: JaxArrays) => {
    for (const x of Object.values(p)) x.dispose();
  };

  const prompt = (p: JaxArrays, ids: JaxArray): State => {
    const kept: State = { position: np.array([P], { dtype: np.int32 }) };
    const padded = (x: JaxArray) =>
      np.pad(x, [
        [0, 0],
        [0, 0],
        [0, positions - P],
        [0, 0],
      ]);
    const h = blocks(p, ids, P, (i, q, k, v) => {
      const keys = rotated(k, cosOfPrompt, sinOfPrompt);
      kept[`k${i}`] = padded(keys.ref);
      kept[`v${i}`] = padded(v.ref);
      return jaxAttention(jax, rotated(q, cosOfPrompt, sinOfPrompt), keys, v);
    });
    const last = h.reshape([B, P, C]).slice([], P - 1);
    const drawn = likeliest(p, last);
    free(p);
    return { ...kept, ids: drawn };
  };

  const step = (p: JaxArrays, { ids, position, ...cache }: State): State => {
    const places = np.arange(positions).reshape([positions, 1]);
    const isNew = np.equal(places.ref, position!.ref); // [positions, 1]
    const seen = np.lessEqual(places.reshape([positions]), position!.ref);
    const [c, s] = [cos, sin].map((x) => np.take(x.ref, position!.ref, 0)) as [JaxArray, JaxArray];
    const kept: State = { position: position!.add(np.array([1], { dtype: np.int32 })) };
    const h = blocks(p, ids!, 1, (i, q, k, v) => {
      const keys = np.where(isNew.ref, rotated(k, c, s), cache[`k${i}`]!);
      const values = np.where(isNew.ref, v, cache[`v${i}`]!);
      kept[`k${i}`] = keys.ref;
      kept[`v${i}`] = values.ref;
      const scores = np.matmul(rotated(q, c, s), np.matrixTranspose(keys)).mul(1 / Math.sqrt(D));
      return np.matmul(nn.softmax(np.where(seen.ref, scores, -1e9)), values);
    });
    const drawn = likeliest(p, h);
    for (const x of [isNew, seen, c, s]) x.dispose();
    free(p);
    return { ...kept, ids: drawn };
  };
  return { prompt, step };
}
