// What PEFT calls our linear layers: the modules of Hugging Face's models.

import type { ModelType } from './hugging_face_config.ts';
import { prefixIn, sourcesOf } from './hugging_face_names.ts';
import type { PeftNames } from './peft.ts';
import type { TransformerConfig } from './transformer_config.ts';

/** Llama's q_proj is a part of our packed projection; GPT-2's c_attn is that as a whole. */
export function huggingFaceNames(type: ModelType, config: TransformerConfig): PeftNames {
  const prefix = prefixIn(type);
  return {
    fanInFanOut: type === 'gpt2', // its Conv1D keeps weights transposed
    moduleName({ layer, layerPath, part }) {
      const shape = [layer.outputs, layer.inputs];
      const sources = sourcesOf(type, `${layerPath}.weight`, shape, config, prefix);
      const parts: (string | null)[] = part === null ? [null] : Object.keys(layer.parts);
      if (sources.length !== parts.length) return null;
      return sources[parts.indexOf(part)]!.name.replace(/\.weight$/, '');
    },
  };
}
