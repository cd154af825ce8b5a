// The model itself: causality, the loss before training, gradients under every switch, adapters, and that it can learn.

import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Linear, withAdapter } from '../../src/nn/linear.ts';
import { Lora } from '../../src/nn/lora.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { backward, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

const LLAMA: TransformerConfig = {
  vocabularySize: 13,
  context: 7,
  layers: 2,
  heads: 2,
  keyValueHeads: 2,
  width: 12,
  hidden: 20,
  positions: 'rope',
  norm: 'rmsNorm',
  activation: 'swiglu',
  bias: false,
  tiedEmbeddings: false,
  dropout: 0,
};
const GPT: TransformerConfig = {
  ...LLAMA,
  layers: 1,
  positions: 'learned',
  norm: 'layerNorm',
  activation: 'geluTanh',
  bias: true,
  tiedEmbeddings: true,
};

function makeModel(config: TransformerConfig, seed = 1): Transformer {
  return new Transformer(new Initialiser(device, seed), config);
}

/** Tokens [batch, context], and the tokens that follow them. */
function randomTokens({ vocabularySize, context }: TransformerConfig, batch: number, seed = 5) {
  const random = randomStream(seed, 0);
  const draw = () => {
    const ids = Int32Array.from({ length: batch * context }, () => random.integer(vocabularySize));
    return Object.assign(device.tensor(ids, { shape: [batch, context] }), { kept: true });
  };
  return { ids: draw(), targets: draw() };
}

type Adapter = string | null;

async function logitsOf(model: Transformer, ids: Tensor, adapter: Adapter = null) {
  const forward = () => withAdapter(model, adapter, () => model.forward(ids));
  const logits = device.scope(() => noGrad(forward));
  const values = await logits.data();
  logits.dispose();
  return values;
}

function lossOf(model: Transformer, ids: Tensor, targets: Tensor, adapter: Adapter = null) {
  const forward = () =>
    withAdapter(model, adapter, () => crossEntropy(model.forward(ids), targets));
  return device.scope(() => noGrad(forward)).item();
}

describe('E12 causality', () => {
  test.each([
    ['rope', LLAMA],
    ['learned positions', GPT],
  ])('changing token j leaves the logits before j bit-identical, with %s', async (_, config) => {
    const model = makeModel(config);
    const { ids } = randomTokens(config, 2);
    const { context, vocabularySize } = config;
    const before = await logitsOf(model, ids);
    const tokens = await ids.data();
    for (let j = 0; j < context; j++) {
      const changed = Int32Array.from(tokens);
      changed[j] = (changed[j]! + 1) % vocabularySize; // in the first sequence of two
      const after = await logitsOf(model, device.tensor(changed, { shape: [2, context] }));
      const differs = Array.from(before, (z, i) => z !== after[i]);
      const positions = [
        ...new Set(differs.flatMap((d, i) => (d ? Math.floor(i / vocabularySize) : []))),
      ];
      expect(positions).toEqual(Array.from({ length: context - j }, (_, i) => j + i));
    }
    model.dispose();
  });
});

describe('G1 the loss of an untrained model is ln V ± 0.05', () => {
  test.each([
    ['rope, rmsNorm, swiglu', LLAMA],
    ['learned, layerNorm, geluTanh', GPT],
  ])('%s', async (_, config) => {
    const [vocabularySize, width, heads] = [65, 64, 4];
    const sizes = { vocabularySize, width, heads, keyValueHeads: heads, hidden: 4 * width };
    const large = { ...config, ...sizes };
    const model = makeModel(large);
    const { ids, targets } = randomTokens(large, 32);
    const excess = (await lossOf(model, ids, targets)) - Math.log(vocabularySize);
    expect(Math.abs(excess)).toBeLessThan(0.05);
    model.dispose();
  });
});

describe('loss() is the cross-entropy of the logits, with its gradients', () => {
  test.each([
    ['untied', LLAMA, null],
    ['tied', GPT, null],
    ['untied, with an adapter on the output weight', LLAMA, 'task'],
  ])('%s', async (_, config, adapter) => {
    const model = makeModel(config);
    const { ids, targets } = randomTokens(config, 2);
    if (adapter)
      model.head!.adapters.set(adapter, new Lora(new Initialiser(device, 9), model.head!));
    const outcome = async (loss: () => Tensor) => {
      const value = device.scope(() => {
        const found = withAdapter(model, adapter, loss);
        backward(found);
        return found;
      });
      const gradients: number[] = [];
      for (const [, x] of model.namedParameters()) {
        gradients.push(...((await x.grad?.data()) ?? []));
        x.grad?.dispose();
        x.grad = null;
      }
      return { loss: await value.item(), gradients };
    };
    const whole = await outcome(() => crossEntropy(model.forward(ids), targets));
    const chunked = await outcome(() => model.loss(ids, targets, { chunk: 5 }));
    expect(Math.abs(chunked.loss - whole.loss)).toBeLessThan(1e-6);
    const largest = Math.max(...whole.gradients.map(Math.abs));
    expect(largest).toBeGreaterThan(0.01);
    const differences = chunked.gradients.map((g, i) => Math.abs(g - whole.gradients[i]!));
    expect(Math.max(...differences)).toBeLessThan(1e-5 * largest);
    model.dispose();
  });
});

describe('gradients of the loss against differences, and a step down it', () => {
  // Of the gradient's norm. Differences of a float32 loss are good to 3e-4 here at the best of the step sizes.
  const TOLERANCE = 1e-3;
  const cases: Record<string, TransformerConfig> = {
    'rope, rmsNorm, swiglu, untied': LLAMA,
    'learned, layerNorm, geluTanh, bias, tied': GPT,
    'rope, layerNorm without bias, gelu, tied': {
      ...LLAMA,
      norm: 'layerNorm',
      activation: 'gelu',
      tiedEmbeddings: true,
    },
    'rope, rmsNorm, swiglu, bias, grouped keys': {
      ...LLAMA,
      heads: 6,
      keyValueHeads: 2,
      bias: true,
    },
    'learned, rmsNorm, geluTanh, one head of keys, untied': {
      ...GPT,
      norm: 'rmsNorm',
      heads: 4,
      keyValueHeads: 1,
      tiedEmbeddings: false,
    },
  };

  test.each(Object.entries(cases))('%s', async (_, config) => {
    const model = makeModel(config);
    const { ids, targets } = randomTokens(config, 2);
    await roughen(model);
    const loss = () => lossOf(model, ids, targets);
    device.scope(() => backward(crossEntropy(model.forward(ids), targets)));
    const before = await loss();
    const gradients = new Map<string, Float32Array>();
    for (const [name, x] of model.namedParameters())
      gradients.set(name, (await x.grad!.data()) as Float32Array);
    for (const [name, x] of model.namedParameters()) {
      const gradient = gradients.get(name)!;
      if (name.endsWith('qkv.bias') && config.positions === 'learned') {
        // The keys' bias adds the same to all scores of a query, and softmax does not see that (B3).
        const { width, heads, keyValueHeads } = config;
        const keys = gradient.subarray(width, width + (keyValueHeads * width) / heads);
        expect(norm(keys), name).toBeLessThan(1e-6);
      }
      const direction = directionNear(gradient, name);
      const slope = direction.reduce((sum, d, i) => sum + d * gradient[i]!, 0);
      let error = Number.POSITIVE_INFINITY;
      for (const eps of [0.01, 0.03, 0.003]) {
        if (error < TOLERANCE) break;
        const numeric = await slopeAlong(x, direction, eps, loss);
        error = Math.min(error, Math.abs(numeric - slope) / norm(gradient));
      }
      expect(norm(gradient), name).toBeGreaterThan(1e-2); // else noise could agree with anything
      expect(error, name).toBeLessThan(TOLERANCE);
    }
    const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
    optimizer.step({ zeroGrad: true });
    expect(await loss()).toBeLessThan(before);
    optimizer.dispose();
    model.dispose();
  });

  /** Parameters of a size at which every nonlinearity is felt: at first they are too small to tell. */
  async function roughen(model: Transformer): Promise<void> {
    const random = randomStream(3, 0);
    for (const x of model.namedTensors().values()) {
      const values = await x.data();
      x.write(Array.from(values, (v) => v + 0.4 * random.normal()));
    }
  }

  /** A unit vector, half along the gradient, half at random: a slope that float32 can tell from noise. */
  function directionNear(gradient: Float32Array, name: string): Float64Array {
    const random = randomStream(name.length, 1);
    const other = Float64Array.from(gradient, () => random.normal());
    const mixed = other.map((r, i) => r / norm(other) + gradient[i]! / norm(gradient));
    return mixed.map((d) => d / norm(mixed));
  }

  /** The derivative of the loss along a direction: central differences at eps and eps/2, extrapolated to 0. */
  async function slopeAlong(
    x: Tensor,
    direction: Float64Array,
    eps: number,
    loss: () => Promise<number>,
  ) {
    const values = Float32Array.from(await x.data());
    const at = async (h: number) => {
      x.write(values.map((v, i) => v + h * direction[i]!));
      return loss();
    };
    const central = async (h: number) => ((await at(h)) - (await at(-h))) / (2 * h);
    const slope = (4 * (await central(eps / 2)) - (await central(eps))) / 3;
    x.write(values);
    return slope;
  }

  function norm(values: ArrayLike<number>): number {
    return Math.sqrt(Array.from(values, (v) => v * v).reduce((a, b) => a + b, 0));
  }
});

describe('adapters on a frozen base', () => {
  test('start as the base bit for bit, alone get gradients, and learn without touching it', async () => {
    const model = makeModel(GPT);
    for (const x of model.parameters()) x.requireGrad(false);
    const init = new Initialiser(device, 9);
    const layers = [...model.modules()].filter((module) => module instanceof Linear);
    for (const layer of layers) layer.adapters.set('task', new Lora(init, layer, { rank: 3 }));
    const names = [...model.namedParameters().keys()];
    expect(names).toHaveLength(2 * layers.length);
    expect(names.every((name) => /\.adapters\.task\.factors\.all\.[ab]$/.test(name))).toBe(true);

    const { ids, targets } = randomTokens(GPT, 2);
    const base = await logitsOf(model, ids);
    expect(await logitsOf(model, ids, 'task')).toEqual(base);

    const optimizer = new AdamW(model.namedParameters(), { lr: 0.03 });
    const step = () =>
      device.scope(() => {
        backward(withAdapter(model, 'task', () => crossEntropy(model.forward(ids), targets)));
        const trained = [...model.namedTensors()].filter(([, x]) => x.grad !== null);
        optimizer.step({ zeroGrad: true });
        return trained.map(([name]) => name);
      });
    expect(step()).toEqual(names);
    const first = await lossOf(model, ids, targets, 'task');
    for (let i = 0; i < 20; i++) step();
    expect(await lossOf(model, ids, targets, 'task')).toBeLessThan(first - 0.05);
    expect(await logitsOf(model, ids, 'task')).not.toEqual(base);
    expect(await logitsOf(model, ids)).toEqual(base);
    optimizer.dispose();
    model.dispose();
  });

  test('inside one adapter, another or the base can be asked; then the first is active again', async () => {
    const model = makeModel(LLAMA);
    const init = new Initialiser(device, 9);
    const layer = model.blocks[0]!.attention.qkv;
    layer.adapters.set('task', new Lora(init, layer));
    const { b } = (layer.adapters.get('task') as Lora).factors.get('all')!;
    b.write(Array.from({ length: b.size }, (_, i) => Math.sin(i)));
    const { ids } = randomTokens(LLAMA, 1);
    const base = await logitsOf(model, ids);
    const forward = () => model.forward(ids);
    const [inner, names, after] = withAdapter(model, 'task', () => {
      const inner = withAdapter(model, null, forward);
      return [inner, [...model.namedTensors().keys()], forward()] as const;
    });
    expect(await inner.data()).toEqual(base);
    expect(await after.data()).toEqual(await logitsOf(model, ids, 'task'));
    expect(await after.data()).not.toEqual(base);
    expect(names).toEqual([...model.namedTensors().keys()]); // an active adapter is no second set of parameters
    expect(() => withAdapter(model, 'tusk', () => 0)).toThrow(
      new ConfigError('withAdapter: no adapter "tusk"; the model has task'),
    );
    model.dispose();
  });
});

test('learns one batch by heart: the loss falls below 0.05', async () => {
  const config = { ...LLAMA, width: 32, hidden: 64, context: 12, tiedEmbeddings: true };
  const model = makeModel(config);
  const { ids, targets } = randomTokens(config, 3);
  // Sequences that begin alike could not be told apart at first.
  ids.write(
    Array.from(await ids.data(), (id, i) => (i % config.context === 0 ? i / config.context : id)),
  );
  const optimizer = new AdamW(model.namedParameters(), { lr: 1e-2, weightDecay: 0 });
  for (let step = 0; step < 120; step++) {
    device.scope(() => {
      backward(crossEntropy(model.forward(ids), targets));
      optimizer.step({ zeroGrad: true });
    });
  }
  expect(await lossOf(model, ids, targets)).toBeLessThan(0.05);
  optimizer.dispose();
  model.dispose();
});
