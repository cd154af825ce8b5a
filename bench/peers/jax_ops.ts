// The items' ops as a user of jax-js would compose them. Methods consume their operands: `ref` keeps one for later.

import type { HostArrays, Item } from '../item.ts';
import { held, type JAX, type JaxArray, type JaxArrays, type JaxSteps, uploadJax } from './jax.ts';
import { doublings, option, scoreParts } from './peer.ts';

type Compose = (jax: JAX, item: Item) => (x: JaxArrays) => JaxArrays;

export const jaxOps: Readonly<Record<string, Compose>> = {
  matmul: ({ numpy: np }, { options: { transposeA, transposeB } }) => {
    const left = (a: JaxArray) => (transposeA ? np.matrixTranspose(a) : a);
    const right = (b: JaxArray) => (transposeB ? np.matrixTranspose(b) : b);
    return ({ a, b }) => ({ out: np.matmul(left(a!), right(b!)) });
  },

  softmax:
    ({ nn }) =>
    ({ x }) => ({ out: nn.softmax(x!) }),

  logSoftmax:
    ({ nn }) =>
    ({ x }) => ({ out: nn.logSoftmax(x!) }),

  layerNorm:
    ({ nn }) =>
    ({ x, weight, bias }) => ({ out: nn.standardize(x!).mul(weight!).add(bias!) }),

  rmsNorm:
    ({ numpy: np }) =>
    ({ x, weight }) => {
      const meanSquare = np.mean(np.square(x!.ref), -1, { keepdims: true });
      return { out: x!.div(np.sqrt(meanSquare.add(1e-6))).mul(weight!) };
    },

  crossEntropy:
    (jax) =>
    ({ logits, targets }) => ({ out: jaxCrossEntropy(jax, logits!, targets!) }),

  attention: (jax, { shape }) => {
    const parts = scoreParts(shape);
    return ({ q, k, v }) => {
      if (parts === 1) return { out: jaxAttention(jax, q!, k!, v!) };
      const [qs, ks, vs] = [q!, k!, v!].map((x) => jax.numpy.split(x, parts, 0));
      const mixed = qs!.map((part, i) => jaxAttention(jax, part, ks![i]!, vs![i]!));
      return { out: jax.numpy.concatenate(mixed, 0) };
    };
  },

  embedding:
    ({ numpy: np }) =>
    ({ weight, ids }) => ({ out: np.take(weight!, ids!, 0) }),

  // A_t = b_t + a_t A_{t+1}, by doubling: every map (a, b) is composed with the one `distance` steps later.
  gae: ({ numpy: np }, item) => {
    const [gamma, lambda] = [option(item, 'gamma'), option(item, 'lambda')];
    const later = (x: JaxArray, distance: number) =>
      np.pad(x.slice([distance, x.shape[0]!]), [
        [0, distance],
        [0, 0],
      ]);
    return ({ rewards, values, nextValues, terminated, truncated }) => {
      const next = nextValues!.mul(np.subtract(1, terminated!.ref)).mul(gamma);
      let b = rewards!.add(next).sub(values!.ref);
      let a = np.subtract(1, np.maximum(terminated!, truncated!)).mul(gamma * lambda);
      for (const distance of doublings(item.shape.T!)) {
        b = b.ref.add(a.ref.mul(later(b, distance)));
        a = a.ref.mul(later(a, distance));
      }
      a.dispose();
      return { advantages: b.ref, returns: b.add(values!) };
    };
  },

  ppoLoss: ({ numpy: np, nn }, item) => {
    const [clip, valueCoef] = [option(item, 'clip'), option(item, 'valueCoef')];
    const entropyCoef = option(item, 'entropyCoef');
    return ({ logits, values, actions, oldLogProbs, advantages, returns }) => {
      const logProbs = nn.logSoftmax(logits!);
      const chosen = np.sum(logProbs.ref.mul(nn.oneHot(actions!, item.shape.A!)), -1);
      const ratio = np.exp(chosen.sub(oldLogProbs!));
      const clipped = np.clip(ratio.ref, 1 - clip, 1 + clip);
      const objective = np.minimum(ratio.mul(advantages!.ref), clipped.mul(advantages!));
      const value = np.mean(np.square(values!.sub(returns!))).mul(0.5 * valueCoef);
      const entropy = np.mean(np.sum(np.exp(logProbs.ref).mul(logProbs), -1)).mul(-entropyCoef);
      return { loss: value.sub(np.mean(objective)).sub(entropy) };
    };
  },
};

/**
 * Mean over the rows. The gradient of `takeAlongAxis` is a scatter with atomics, and slower; `oneHot` makes a matrix
 * classes x classes, which does not fit into a binding.
 */
export function jaxCrossEntropy({ numpy: np, nn }: JAX, logits: JaxArray, targets: JaxArray) {
  const [rows, classes] = logits.shape as [number, number];
  const chosen = np.equal(targets.reshape([rows, 1]), np.arange(classes));
  return np.mean(np.sum(np.where(chosen, nn.logSoftmax(logits), 0), -1)).mul(-1);
}

/** Causal, [B, H, T, D]. */
export function jaxAttention(
  { numpy: np, nn }: JAX,
  q: JaxArray,
  k: JaxArray,
  v: JaxArray,
): JaxArray {
  const [, , T, D] = q.shape as [number, number, number, number];
  const scores = np.matmul(q, np.matrixTranspose(k)).mul(1 / Math.sqrt(D));
  const visible = np.tri(T, T, 0, { dtype: np.bool });
  return np.matmul(nn.softmax(np.where(visible, scores, -1e9)), v);
}

/** One step over all tensors under one `jit`. */
export function jaxAdamW(jax: JAX, { options }: Item, inputs: HostArrays): JaxSteps {
  const arrays = Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [name, uploadJax(jax, x)]),
  );
  const names = Object.keys(inputs).filter((name) => name.startsWith('p'));
  const gradients = Object.fromEntries(
    names.map((name) => [name, arrays[name.replace('p', 'g')]!] as const),
  );
  const step = jax.jit((state: JaxState, g: JaxArrays) => jaxUpdate(jax, options, state, g));
  let state = jaxState(
    jax,
    Object.fromEntries(names.map((name) => [name, arrays[name]!] as const)),
  );
  return {
    run() {
      state = step(state, held(gradients)) as JaxState;
      return { ...named('p', state.p), ...named('m', state.m), ...named('v', state.v) };
    },
    async results() {
      const read = Object.entries(state.p).map(
        async ([name, x]) => [name, (await x.ref.data()) as Float32Array] as const,
      );
      return Object.fromEntries(await Promise.all(read));
    },
  };
}

/** Parameters, first and second moments, and the bias corrections β1ᵗ and β2ᵗ. */
export type JaxState = {
  p: JaxArrays;
  m: JaxArrays;
  v: JaxArrays;
  decay1: JaxArray;
  decay2: JaxArray;
};

export function jaxState({ numpy: np }: JAX, p: JaxArrays): JaxState {
  const zeros = () =>
    Object.fromEntries(Object.entries(p).map(([name, x]) => [name, np.zeros([...x.shape])]));
  return { p, m: zeros(), v: zeros(), decay1: np.array(1), decay2: np.array(1) };
}

/** The state's arrays, with references for the caller to free. */
export function named(prefix: string, x: JaxArrays): JaxArrays {
  return Object.fromEntries(Object.entries(held(x)).map(([name, v]) => [`${prefix}.${name}`, v]));
}

/** One step of AdamW; consumes state and gradients. */
export function jaxUpdate(
  { numpy: np }: JAX,
  options: Item['options'],
  state: JaxState,
  gradients: JaxArrays,
): JaxState {
  const { lr, beta1, beta2, eps, weightDecay } = options as Record<string, number>;
  const decay1 = state.decay1.mul(beta1!);
  const decay2 = state.decay2.mul(beta2!);
  const next: { p: JaxArrays; m: JaxArrays; v: JaxArrays } = { p: {}, m: {}, v: {} };
  for (const [name, g] of Object.entries(gradients)) {
    const m = state.m[name]!.mul(beta1!).add(g.ref.mul(1 - beta1!));
    const v = state.v[name]!.mul(beta2!).add(np.square(g).mul(1 - beta2!));
    const unbiased = m.ref.div(np.subtract(1, decay1.ref));
    const root = np.sqrt(v.ref.div(np.subtract(1, decay2.ref)));
    const update = unbiased.div(root.add(eps!)).mul(lr!);
    next.p[name] = state.p[name]!.mul(1 - lr! * weightDecay!).sub(update);
    next.m[name] = m;
    next.v[name] = v;
  }
  return { ...next, decay1, decay2 };
}
