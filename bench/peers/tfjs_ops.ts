// The items' ops as a user of TensorFlow.js would compose them.

import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { Item } from '../item.ts';
import { doublings, option, scoreParts } from './peer.ts';
import type { TF, TFSteps, TFTensors } from './tfjs.ts';

type Compose = (tf: TF, item: Item) => (x: TFTensors) => TFTensors;

export const tfjsOps: Readonly<Record<string, Compose>> = {
  matmul: (tf, { options: { transposeA, transposeB } }) => {
    const [left, right] = [Boolean(transposeA), Boolean(transposeB)];
    return ({ a, b }) => ({ out: tf.matMul(a!, b!, left, right) });
  },

  softmax:
    (tf) =>
    ({ x }) => ({ out: tf.softmax(x!) }),

  logSoftmax:
    (tf) =>
    ({ x }) => ({ out: tf.logSoftmax(x!) }),

  layerNorm:
    (tf) =>
    ({ x, weight, bias }) => ({ out: tfjsLayerNorm(tf, x!, weight!).add(bias!) }),

  rmsNorm:
    (tf) =>
    ({ x, weight }) => {
      const scale = tf.rsqrt(tf.mean(tf.square(x!), -1, true).add(1e-6));
      return { out: x!.mul(scale).mul(weight!) };
    },

  crossEntropy:
    (tf, { shape }) =>
    ({ logits, targets }) => {
      const labels = tf.oneHot(targets!, shape.V!);
      return { out: tf.losses.softmaxCrossEntropy(labels, logits!) };
    },

  attention: (tf, { shape }) => {
    const attend = tfjsAttention(tf, shape.T!, shape.D!);
    const parts = scoreParts(shape);
    return ({ q, k, v }) => {
      if (parts === 1) return { out: attend(q!, k!, v!) };
      const [qs, ks, vs] = [q!, k!, v!].map((x) => tf.split(x, parts));
      return { out: tf.concat(qs!.map((part, i) => attend(part, ks![i]!, vs![i]!))) };
    };
  },

  embedding:
    (tf) =>
    ({ weight, ids }) => ({ out: tf.gather(weight!, ids!) }),

  // A_t = b_t + a_t A_{t+1}, by doubling: every map (a, b) is composed with the one `distance` steps later.
  gae: (tf, item) => {
    const [gamma, lambda] = [option(item, 'gamma'), option(item, 'lambda')];
    const later = (x: Tensor, distance: number) =>
      tf.pad(tf.slice(x, [distance, 0]), [
        [0, distance],
        [0, 0],
      ]);
    return ({ rewards, values, nextValues, terminated, truncated }) => {
      const next = nextValues!.mul(tf.sub(1, terminated!)).mul(gamma);
      let b = rewards!.add(next).sub(values!);
      let a: Tensor = tf.sub(1, tf.maximum(terminated!, truncated!)).mul(gamma * lambda);
      for (const distance of doublings(item.shape.T!)) {
        b = b.add(a.mul(later(b, distance)));
        a = a.mul(later(a, distance));
      }
      return { advantages: b, returns: b.add(values!) };
    };
  },

  ppoLoss: (tf, item) => {
    const [clip, valueCoef] = [option(item, 'clip'), option(item, 'valueCoef')];
    const entropyCoef = option(item, 'entropyCoef');
    return ({ logits, values, actions, oldLogProbs, advantages, returns }) => {
      const logProbs = tf.logSoftmax(logits!);
      const chosen = logProbs.mul(tf.oneHot(actions!, item.shape.A!)).sum(-1);
      const ratio = tf.exp(chosen.sub(oldLogProbs!));
      const clipped = tf.clipByValue(ratio, 1 - clip, 1 + clip);
      const policy = tf.minimum(ratio.mul(advantages!), clipped.mul(advantages!)).mean().neg();
      const value = tf.square(values!.sub(returns!)).mean().mul(0.5);
      const entropy = tf.exp(logProbs).mul(logProbs).sum(-1).mean().neg();
      return { loss: policy.add(value.mul(valueCoef)).sub(entropy.mul(entropyCoef)) };
    };
  },
};

/** Without a bias. */
export function tfjsLayerNorm(tf: TF, x: Tensor, weight: Tensor): Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return x
    .sub(mean)
    .mul(tf.rsqrt(variance.add(1e-5)))
    .mul(weight);
}

/** Causal; the mask is made once. */
export function tfjsAttention(tf: TF, T: number, D: number) {
  const rows = tf.range(0, T).expandDims(1);
  const mask = tf.keep(tf.where(tf.greaterEqual(rows, tf.range(0, T)), 0, -1e9));
  return (q: Tensor, k: Tensor, v: Tensor): Tensor => {
    const scores = tf
      .matMul(q, k, false, true)
      .mul(1 / Math.sqrt(D))
      .add(mask);
    return tf.matMul(tf.softmax(scores), v);
  };
}

/** tf.train.adam, after the decay of the weights that it lacks. */
export function tfjsAdamW(tf: TF, item: Item, x: TFTensors): TFSteps {
  const names = Object.keys(x).filter((name) => name.startsWith('p'));
  const variables = names.map((name) => tf.variable(x[name]!, true, name));
  const gradients = Object.fromEntries(
    names.map((name) => [name, x[name.replace('p', 'g')]!] as const),
  );
  const step = tfjsUpdate(tf, item, variables);
  return {
    run() {
      step(gradients);
      return {};
    },
    async results() {
      const read = variables.map(async (p) => [p.name, (await p.data()) as Float32Array] as const);
      return Object.fromEntries(await Promise.all(read));
    },
  };
}

/** One step of AdamW: p ← (1 - lr decay) p for matrices and vectors alike, then Adam. */
export function tfjsUpdate(
  tf: TF,
  { options }: Pick<Item, 'options'>,
  decayed: readonly Variable[],
) {
  const { lr, beta1, beta2, eps, weightDecay } = options as Record<string, number>;
  const adam = tf.train.adam(lr!, beta1!, beta2!, eps!);
  return (gradients: TFTensors): void => {
    for (const p of decayed) p.assign(p.mul(1 - lr! * weightDecay!));
    // Its type asks for variables; it takes tensors, as `minimize` gives them to it.
    adam.applyGradients(gradients as Record<string, Variable>);
  };
}
