// What a Hugging Face folder is said to hold, without a device.

import { expect, test } from 'vitest';
import { describeHuggingFace } from '../../src/llm/hugging_face_summary.ts';
import { folderOf, QWEN2, QWEN2_SHAPES, weights } from './hf_folder.ts';

const SIZES = Object.values(QWEN2_SHAPES).map((shape) => shape.reduce((a, b) => a * b, 1));
const PARAMETERS = SIZES.reduce((a, b) => a + b, 0);

test('parameters, bytes and kinds of the stored tensors', async () => {
  const folder = await folderOf({
    'config.json': QWEN2,
    'model.safetensors': weights(QWEN2_SHAPES, 'bf16'),
    'tokenizer.json': '{}',
  });
  const { type, config, parameters, bytes, dtypes } = await describeHuggingFace(folder);
  expect({ type, parameters, bytes, dtypes }).toEqual({
    type: 'qwen2',
    parameters: PARAMETERS,
    bytes: 2 * PARAMETERS,
    dtypes: ['bf16'],
  });
  expect(config).toMatchObject({ layers: 1, width: 16, vocabularySize: 11, context: 9 });
});

test('a folder without a tokenizer, and one of another kind, are refused', async () => {
  const whole = { 'config.json': QWEN2, 'model.safetensors': weights(QWEN2_SHAPES) };
  await expect(describeHuggingFace(await folderOf(whole))).rejects.toThrow('has no tokenizer.json');
  const bert = {
    ...whole,
    'config.json': { ...QWEN2, model_type: 'bert' },
    'tokenizer.json': '{}',
  };
  await expect(describeHuggingFace(await folderOf(bert))).rejects.toThrow(
    'model_type is "bert"; known are llama, qwen2, qwen3, gpt2',
  );
});
