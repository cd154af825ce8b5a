// TransformerConfig -> config.json of the Hugging Face model that computes the same.

import { ConfigError } from '../errors.ts';
import { formatJson, type JsonObject, type ParsedObject, parseJson } from '../io/json.ts';
import { MODEL_TYPES, type ModelType, readConfig } from './hugging_face_config.ts';
import { headSizeOf, type TransformerConfig } from './transformer_config.ts';

/**
 * The first of the known models that reads back as this config.
 * @throws ConfigError where none does: Hugging Face's library has no such model.
 */
export function writeConfig(config: TransformerConfig): JsonObject {
  for (const type of MODEL_TYPES) {
    const file = type === 'gpt2' ? asGpt2(config) : asLlama(type, config);
    if (isSameModel(file, config)) return file;
  }
  throw new ConfigError(
    `saveHuggingFace: none of ${MODEL_TYPES.join(', ')} is a model with ${essence(config)}`,
  );
}

/** Whether a config.json describes a model of this config, dropout aside. */
export function isSameModel(file: JsonObject, config: TransformerConfig): boolean {
  return essence(readConfig(parsed(file))) === essence(config);
}

/** As a reader of the file sees it. */
export function parsed(file: JsonObject): ParsedObject {
  return parseJson(formatJson(file, 'config.json'), { what: 'config.json' }) as ParsedObject;
}

/** What makes the model, defaults filled in. */
function essence(config: TransformerConfig): string {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  const { dropout, checkpointing, ...rest } = Object.fromEntries(given) as TransformerConfig;
  const { positions, norm, bias, ropeBase = 10000 } = config;
  const filled = {
    architecture: 'decoder',
    normEps: norm === 'rmsNorm' ? 1e-6 : 1e-5,
    qkNorm: false,
    qkvBias: bias,
    ...rest,
    headSize: headSizeOf(config),
    ropeBase: positions.startsWith('rope') ? ropeBase : null,
  };
  return formatJson(filled, 'config', { sortKeys: true });
}

const ARCHITECTURES: Readonly<Record<ModelType, string>> = {
  llama: 'LlamaForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
  gpt2: 'GPT2LMHeadModel',
};

function asLlama(type: Exclude<ModelType, 'gpt2'>, config: TransformerConfig): JsonObject {
  const { bias, normEps = 1e-6, ropeBase = 10000 } = config;
  return {
    architectures: [ARCHITECTURES[type]],
    model_type: type,
    vocab_size: config.vocabularySize,
    max_position_embeddings: config.context,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: headSizeOf(config),
    hidden_size: config.width,
    intermediate_size: config.hidden,
    hidden_act: 'silu',
    rms_norm_eps: normEps,
    rope_theta: ropeBase,
    ...(type === 'llama' && { attention_bias: bias, mlp_bias: bias }),
    tie_word_embeddings: config.tiedEmbeddings,
  };
}

function asGpt2(config: TransformerConfig): JsonObject {
  const { activation, normEps = 1e-5 } = config;
  return {
    architectures: [ARCHITECTURES.gpt2],
    model_type: 'gpt2',
    vocab_size: config.vocabularySize,
    n_positions: config.context,
    n_layer: config.layers,
    n_head: config.heads,
    n_embd: config.width,
    n_inner: config.hidden,
    activation_function: activation === 'gelu' ? 'gelu' : 'gelu_new',
    layer_norm_epsilon: normEps,
    tie_word_embeddings: config.tiedEmbeddings,
  };
}
