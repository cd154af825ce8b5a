// A model over packed documents: the loss and all gradients are those of the documents one by one.

import { expect, test } from 'vitest';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { backward } from '../../src/tensor/tape.ts';
import { packDocuments } from '../../src/text/packing.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';

const CONTEXT = 24;
const CONFIG: TransformerConfig = {
  vocabularySize: 11,
  context: CONTEXT,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  width: 16,
  hidden: 32,
  positions: 'learned',
  norm: 'rmsNorm',
  activation: 'gelu',
  bias: false,
  tiedEmbeddings: true,
  dropout: 0,
};

const documents = [13, 4, 9, 20, 2, 7].map((length, n) =>
  Int32Array.from({ length }, (_, i) => (3 * i * (n + 1) + n) % 11),
);

test.each([
  ['a decoder, learned positions', {}],
  ['a decoder, rotary positions', { positions: 'rope' }],
  ['an encoder', { architecture: 'encoder' }],
] as const)('%s', async (_, changes) => {
  const model = new Transformer(new Initialiser(device, 3), { ...CONFIG, ...changes });
  const { rows, ...packed } = packDocuments(documents, { context: CONTEXT, padding: 0 });
  expect(rows).toBeLessThan(documents.length);
  const tensor = (x: Int32Array, shape: number[]) => device.tensor(x, { shape, dtype: 'i32' });
  const lossOf = async (inputs: Int32Array, targets: Int32Array, shape: number[], more = {}) => {
    const options = { ...more, reduction: 'sum' } as const;
    const loss = model.loss(tensor(inputs, shape), tensor(targets, shape), options);
    backward(loss);
    return loss.item();
  };
  const gradients = () =>
    Promise.all(model.parameters().map(async (x) => Float64Array.from(await x.grad!.data())));
  const shape = [rows, CONTEXT];
  const seen = {
    documents: tensor(packed.bounds, [...shape, 2]),
    positions: tensor(packed.positions, shape),
  };
  const packedLoss = await lossOf(packed.inputs, packed.targets, shape, seen);
  const together = await gradients();
  for (const x of model.parameters()) x.grad = null;
  let separateLoss = 0;
  for (const document of documents) {
    const length = document.length - 1;
    separateLoss += await lossOf(document.slice(0, -1), document.slice(1), [1, length]);
  }
  expect(packedLoss).toBeCloseTo(separateLoss, 3);
  const names = [...model.namedParameters()].map(([name]) => name);
  for (const [i, want] of (await gradients()).entries())
    expectClose(together[i]!, want, { rtol: 1e-5, atol: 1e-5 }, names[i]!);
});
