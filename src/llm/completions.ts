// What a model writes after the prompts of examples, beside what they expect.

import { setAdapter } from '../nn/linear.ts';
import type { Device } from '../ops/device.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { generate } from './generate.ts';
import type { Example } from './supervised.ts';
import type { Transformer } from './transformer.ts';

export interface Completion {
  readonly prompt: string;
  readonly written: string;
  readonly expected: string;
}

/** The most likely tokens after what precedes each example's first counted token, up to its end token. */
export async function completeExamples(
  device: Device,
  model: Transformer,
  tokenizer: Tokenizer,
  examples: readonly Example[],
  { adapter = null }: { readonly adapter?: string | null } = {},
): Promise<Completion[]> {
  const completions: Completion[] = [];
  setAdapter(model, adapter);
  try {
    for (const { ids, counted } of examples) {
      const begin = counted.indexOf(true);
      const prompt = ids.subarray(0, begin);
      const end = counted.indexOf(false, begin);
      const expected = ids.subarray(begin, end < 0 ? ids.length : end);
      const [row] = await generate(device, model, [prompt], {
        maxNewTokens: model.config.context + 1 - begin,
        temperature: 0,
        ends: [expected.at(-1)!],
      });
      const text = (some: ArrayLike<number>) => tokenizer.decode(some);
      completions.push({
        prompt: text(prompt),
        written: text(row!.newIds),
        expected: text(expected),
      });
    }
  } finally {
    setAdapter(model, null);
  }
  return completions;
}
