// Gradient checkpointing: the same gradients bit for bit, from less memory.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TensorError } from '../../src/errors.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { checkpoint } from '../../src/nn/checkpoint.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { writeAt } from '../../src/ops/copy.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { Device } from '../../src/ops/device.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { dropout } from '../../src/ops/random.ts';
import { sum } from '../../src/ops/reduce.ts';
import { exp, square, tanh } from '../../src/ops/unary.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { backward, grad, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});

afterAll(() => device.destroy());

const parameter = (seed: number) => device.randn([5, 5], { seed }).requireGrad();
const numbers = async (x: Tensor) => [...(await x.data())];

/** The values of the tensors, each of which must have something in it. */
async function gradients(tensors: readonly Tensor[]): Promise<number[][]> {
  const values = await Promise.all(tensors.map((x) => numbers(x.grad!)));
  for (const list of values) expect(list.some((value) => value !== 0)).toBe(true);
  return values;
}

describe('checkpoint', () => {
  /** With dropout before, inside and after; x is used twice, w inside and outside. */
  async function run(wrap: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor) {
    const [x, w, v] = [parameter(1), parameter(2), parameter(3)];
    device.beginStep(4, 9);
    const loss = device.scope(() => {
      const h = dropout(matmul(x, w), { p: 0.3 });
      const y = wrap(
        (h) => add(h, dropout(tanh(matmul(h, dropout(mul(w, v), { p: 0.5 }))), { p: 0.4 })),
        h,
      );
      const total = sum(square(dropout(matmul(y, w), { p: 0.2 })));
      backward(total);
      return total;
    });
    return { loss: await loss.item(), gradients: await gradients([x, w, v]) };
  }

  it('gives the value and the gradients of the function, the same random numbers included', async () => {
    const plain = await run((fn, x) => fn(x));
    expect(await run((fn, x) => checkpoint(fn, x))).toEqual(plain);
  });

  it('may lie in another', async () => {
    const plain = await run((fn, x) => fn(x));
    const nested = await run((fn, x) => checkpoint((x) => checkpoint(fn, x), x));
    expect(nested).toEqual(plain);
  });

  it('takes several inputs, and such as have no gradient', async () => {
    const table = parameter(6);
    const scale = device.full([5], 2);
    const ids = device.tensor(Int32Array.of(0, 3, 3));
    const fn = (ids: Tensor, table: Tensor, scale: Tensor) =>
      exp(mul(embedding(table, ids), scale));
    const plain = grad(sum(fn(ids, table, scale)), [table])[0]!;
    const again = grad(sum(checkpoint(fn, ids, table, scale)), [table])[0]!;
    expect(await numbers(again)).toEqual(await numbers(plain));
  });

  it('where nothing is recorded is the function', async () => {
    const x = parameter(7);
    const y = noGrad(() => checkpoint(exp, x));
    expect(y.requiresGrad).toBe(false);
    expect(await numbers(y)).toEqual(await numbers(exp(x)));
    expect(checkpoint(exp, device.ones([2])).requiresGrad).toBe(false);
  });

  it('can be part of a captured step', async () => {
    const x = parameter(8);
    const fn = (x: Tensor) => dropout(exp(x), { p: 0.5 });
    const masks: number[][] = [];
    device.beginStep(1, 0);
    using step = device.capture(() => grad(sum(checkpoint(fn, x)), [x])[0]!);
    for (const n of [0, 1]) {
      device.beginStep(1, n);
      expect(await numbers(step())).toEqual(
        await numbers(device.scope(() => grad(sum(fn(x)), [x])[0]!)),
      );
      masks.push(await numbers(step.result));
    }
    expect(masks[0]).not.toEqual(masks[1]);
  });

  it('refuses what it would differentiate wrongly', () => {
    const x = parameter(9);
    const outside = exp(x);
    expect(() => checkpoint((x) => mul(x, outside), x)).toThrow(
      new TensorError(
        'checkpoint: the function uses a result of exp that was computed outside; pass it as an input',
      ),
    );
    const later = sum(checkpoint((y) => mul(y, x), device.ones([5, 5])));
    writeAt(x, device.zeros([5, 5]), 0);
    expect(() => backward(later)).toThrow('changed in place');

    const masked = sum(checkpoint((x) => dropout(x, { p: 0.5 }), x));
    device.beginStep(3, 3);
    expect(() => backward(masked)).toThrow('changed in place');

    const curved = sum(checkpoint(exp, x));
    expect(() => backward(curved, { createGraph: true })).toThrow(
      'checkpoint: has no second derivative',
    );
  });
});

describe('the checkpointed transformer', () => {
  const CONFIG: TransformerConfig = {
    vocabularySize: 11,
    context: 32,
    layers: 6,
    heads: 2,
    keyValueHeads: 2,
    width: 32,
    hidden: 128,
    positions: 'rope',
    norm: 'layerNorm',
    activation: 'gelu',
    bias: true,
    tiedEmbeddings: true,
    dropout: 0.1,
  };

  /** Two training steps: what they leave, and the memory that a captured step holds. */
  async function train(config: TransformerConfig) {
    const model = new Transformer(new Initialiser(device, 1), config);
    const optimizer = new AdamW([...model.namedParameters()], { lr: 1e-2 });
    const tokens = Int32Array.from({ length: 8 * 32 }, (_, i) => (i * i) % 11);
    const ids = device.tensor(tokens, { shape: [8, 32] });
    const before = device.memory().bytesInUse;
    device.beginStep(5, 0);
    using step = device.capture(() => {
      const loss = crossEntropy(model.forward(ids, { training: true }), ids);
      backward(loss);
      return loss;
    });
    const bytes = device.memory().bytesInUse - before;
    const losses = [await step.result.item()];
    optimizer.step({ zeroGrad: true });
    device.beginStep(5, 1);
    losses.push(await step().item());
    return { losses, gradients: await gradients(model.parameters()), bytes };
  }

  it('trains bit for bit as the plain one, in less than half of the memory', async () => {
    const { bytes: plainBytes, ...plain } = await train(CONFIG);
    const { bytes, ...frugal } = await train({ ...CONFIG, checkpointing: true });
    expect(frugal).toEqual(plain);
    expect(bytes).toBeLessThan(plainBytes / 2);
  });
});
