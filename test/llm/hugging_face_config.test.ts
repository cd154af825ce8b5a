// config.json of Hugging Face's models: what is taken for granted, what is refused, and the way back.

import { expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { type ParsedObject, parseJson } from '../../src/io/json.ts';
import { readConfig } from '../../src/llm/hugging_face_config.ts';
import { writeConfig } from '../../src/llm/hugging_face_config_writer.ts';
import { GPT2, LLAMA, QWEN2 } from './hf_folder.ts';

const parse = (config: object) =>
  readConfig(parseJson(JSON.stringify(config), { what: 'config.json' }) as ParsedObject);

test.each<[string, object, object]>([
  ['model_type is "mamba"; known are llama, qwen2, qwen3, gpt2', QWEN2, { model_type: 'mamba' }],
  ['model_type is missing', QWEN2, { model_type: undefined }],
  ['hidden_act is "relu"; supported: "silu"', QWEN2, { hidden_act: 'relu' }],
  ['use_sliding_window is true; supported: false', QWEN2, { use_sliding_window: true }],
  ['layer_types is "sliding_attention"', QWEN2, { layer_types: ['sliding_attention'] }],
  ['sliding_window is 4096; supported: null', LLAMA, { sliding_window: 4096 }],
  ['mlp_bias is false; supported: true', LLAMA, { attention_bias: true }],
  ['attention_bias is true; supported: false', QWEN2, { attention_bias: true }],
  [
    'rope_scaling.rope_type is "llama3"; supported: "default"',
    LLAMA,
    { rope_scaling: { rope_type: 'llama3', factor: 8 } },
  ],
  [
    'rope_parameters.type is "yarn"; supported: "default"',
    LLAMA,
    { rope_parameters: { type: 'yarn' } },
  ],
  ['rope_scaling is 2; expected an object', LLAMA, { rope_scaling: 2 }],
  ['partial_rotary_factor is 0.5; supported: 1', LLAMA, { partial_rotary_factor: 0.5 }],
  ['quantization_config is an object; supported: null', LLAMA, { quantization_config: {} }],
  ['num_hidden_layers is 1000000000; expected a whole', LLAMA, { num_hidden_layers: 1e9 }],
  ['vocab_size is -1; expected a whole number', LLAMA, { vocab_size: -1 }],
  ['hidden_size is 2.5', LLAMA, { hidden_size: 2.5 }],
  ['hidden_size is "16"', LLAMA, { hidden_size: '16' }],
  ['hidden_size is missing', LLAMA, { hidden_size: undefined }],
  ['head_dim is 4.5', LLAMA, { hidden_size: 18 }],
  ['rope needs an even head size, got headSize = 3', LLAMA, { head_dim: 3 }],
  ['heads 4 is no multiple of keyValueHeads 3', LLAMA, { num_key_value_heads: 3 }],
  ['rms_norm_eps is 0; expected a number above 0', LLAMA, { rms_norm_eps: 0 }],
  ['tie_word_embeddings is 1; expected true or false', LLAMA, { tie_word_embeddings: 1 }],
  ['activation_function is "relu"; supported: "gelu_new"', GPT2, { activation_function: 'relu' }],
  ['scale_attn_weights is false; supported: true', GPT2, { scale_attn_weights: false }],
  ['add_cross_attention is true', GPT2, { add_cross_attention: true }],
  ['width 8 is no multiple of heads 3', GPT2, { n_head: 3 }],
])('%s', (message, base, changes) => {
  const config = { ...base, ...changes };
  expect(() => parse(config)).toThrow(DataError);
  expect(() => parse(config)).toThrow(`config.json: ${message}`);
});

test('what is not said has the defaults of the library', () => {
  const { num_key_value_heads, rms_norm_eps, rope_theta, tie_word_embeddings, ...bare } = LLAMA;
  expect(parse(bare)).toMatchObject({
    keyValueHeads: 4,
    headSize: 4,
    normEps: 1e-6,
    ropeBase: 10000,
    tiedEmbeddings: false,
    bias: false,
  });
  expect(parse({ ...bare, model_type: 'qwen3' })).toMatchObject({ headSize: 128, qkNorm: true });
  expect(parse({ ...bare, model_type: 'qwen2' })).toMatchObject({ qkvBias: true, bias: false });
  const rope_parameters = { rope_type: 'default', rope_theta: 5e5 };
  expect(parse({ ...bare, rope_parameters })).toMatchObject({ ropeBase: 5e5 });
  expect(parse(GPT2)).toMatchObject({
    hidden: 32,
    activation: 'geluTanh',
    normEps: 1e-5,
    tiedEmbeddings: true,
    positions: 'learned',
  });
});

test.each([
  ['llama', { ...LLAMA, rope_theta: 5e5 }],
  ['llama', { ...LLAMA, attention_bias: true, mlp_bias: true }],
  ['qwen2', QWEN2],
  ['qwen3', { ...QWEN2, model_type: 'qwen3', head_dim: 6 }],
  ['gpt2', { ...GPT2, activation_function: 'gelu', tie_word_embeddings: false }],
])('%s: what is written reads back as the same model', (type, config) => {
  const read = parse(config);
  const written = writeConfig(read);
  expect(written.model_type).toBe(type);
  expect(parse(written)).toEqual({ ...read, headSize: parse(written).headSize });
});
