// Folders of tiny models, made by hand: as they should be, and broken in one place.

import type { Folder } from '../../src/io/folder.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import type { HostTensor } from '../../src/io/host_tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { floatToBfloat, floatToHalf } from '../../src/tensor/half.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

export type Weights = Map<string, HostTensor>;

const ENCODERS = { f32: (x: number) => x, f16: floatToHalf, bf16: floatToBfloat };

/** Random tensors of these shapes. */
export function weights(
  shapes: Readonly<Record<string, readonly number[]>>,
  dtype: keyof typeof ENCODERS = 'f32',
): Weights {
  const random = randomStream(7, 0);
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Array.from({ length: size }, () => ENCODERS[dtype](0.3 * random.normal()));
      const data = dtype === 'f32' ? Float32Array.from(values) : Uint16Array.from(values);
      return [name, { dtype, shape, data }];
    }),
  );
}

/** A new folder with these files; objects as JSON, maps as safetensors. */
export async function folderOf(
  files: Readonly<Record<string, object | string | Uint8Array>>,
): Promise<Folder> {
  const folder = await openFolder(await temporaryFolder());
  for (const [path, content] of Object.entries(files)) await folder.write(path, bytesOf(content));
  return folder;
}

function bytesOf(content: object | string | Uint8Array): Uint8Array {
  if (content instanceof Uint8Array) return content;
  if (content instanceof Map) return writeSafetensors(content as Weights);
  return new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
}

/** Qwen2 with grouped heads: it has every kind of tensor but norms of queries and keys. */
export const QWEN2 = {
  model_type: 'qwen2',
  vocab_size: 11,
  max_position_embeddings: 9,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_size: 16,
  intermediate_size: 24,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 1e6,
  sliding_window: 4096,
  use_sliding_window: false,
  tie_word_embeddings: false,
};

export const QWEN2_SHAPES = {
  'model.embed_tokens.weight': [11, 16],
  'model.layers.0.input_layernorm.weight': [16],
  'model.layers.0.self_attn.q_proj.weight': [16, 16],
  'model.layers.0.self_attn.q_proj.bias': [16],
  'model.layers.0.self_attn.k_proj.weight': [8, 16],
  'model.layers.0.self_attn.k_proj.bias': [8],
  'model.layers.0.self_attn.v_proj.weight': [8, 16],
  'model.layers.0.self_attn.v_proj.bias': [8],
  'model.layers.0.self_attn.o_proj.weight': [16, 16],
  'model.layers.0.post_attention_layernorm.weight': [16],
  'model.layers.0.mlp.gate_proj.weight': [24, 16],
  'model.layers.0.mlp.up_proj.weight': [24, 16],
  'model.layers.0.mlp.down_proj.weight': [16, 24],
  'model.norm.weight': [16],
  'lm_head.weight': [11, 16],
};

export const LLAMA = { ...QWEN2, model_type: 'llama', sliding_window: null };

export const GPT2 = {
  model_type: 'gpt2',
  vocab_size: 11,
  n_positions: 9,
  n_layer: 1,
  n_head: 2,
  n_embd: 8,
};
