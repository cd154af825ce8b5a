import { expect, test } from 'vitest';
import { exposureBias } from '../../src/llm/exposure_bias.ts';
import { modelConfig, TRAIN_DEFAULTS } from '../../src/llm/settings.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { generateCorpus } from '../../src/text/grammar.ts';
import { device } from '../device.ts';

test('G8 samples of a model that has learned nothing leave the grammar at once; true stories never do', async () => {
  const tokenizer = characterTokenizer(generateCorpus({ seed: 1, characters: 5000 }));
  const settings = { ...TRAIN_DEFAULTS, layers: 1, width: 16, heads: 2, context: 16 };
  const config = modelConfig(settings, tokenizer.vocabularySize);
  const model = new Transformer(new Initialiser(device, 1), config);
  const options = { samples: 6, characters: 24, width: 8, seed: 5 };
  const curves = await exposureBias(device, model, tokenizer, options);
  expect(curves.source.lost).toEqual([0, 0, 0]);
  expect(curves.model.lost).toEqual([1, 1, 1]);
  expect(curves.model.nats[2]).toBeCloseTo(Math.log(128), 10);
  for (const nats of curves.source.nats) expect(nats).toBeLessThan(2);
});
