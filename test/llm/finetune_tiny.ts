// A model and a task small enough to fine-tune in a second: letters to the next letter, in prompts of unequal lengths.

import { type Example, readExamples } from '../../src/llm/supervised.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import type { Device } from '../../src/ops/device.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { characterTokenizer } from '../../src/text/characters.ts';

export const LETTERS = 'abcdefgh';
export const tokenizer = characterTokenizer(`${LETTERS}=\n`);

export const CONFIG: TransformerConfig = {
  vocabularySize: tokenizer.vocabularySize,
  context: 12,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  width: 8,
  hidden: 16,
  positions: 'learned',
  norm: 'layerNorm',
  activation: 'gelu',
  bias: true,
  tiedEmbeddings: false,
  dropout: 0,
};

export function makeModel(device: Device, config: Partial<TransformerConfig> = {}): Transformer {
  return new Transformer(new Initialiser(device, 1), { ...CONFIG, ...config });
}

/** `bcab=cdbc`, with one to five letters, each followed by the one `by` places after it. */
export function examplesOf(count: number, seed = 1, by = 1): Example[] {
  const random = randomStream(seed);
  const lines = Array.from({ length: count }, () => {
    const word = Array.from({ length: 1 + random.integer(5) }, () => random.integer(8));
    const text = (shift: number) => word.map((letter) => LETTERS[(letter + shift) % 8]).join('');
    return JSON.stringify({ prompt: `${text(0)}=`, completion: text(by) });
  });
  const { context } = CONFIG;
  return readExamples(lines.join('\n'), 'letters', { tokenizer, template: 'lines', context });
}

export async function valuesOf(model: Transformer): Promise<Map<string, ArrayLike<number>>> {
  const values = new Map<string, ArrayLike<number>>();
  for (const [name, x] of model.namedTensors()) values.set(name, await x.data());
  return values;
}
