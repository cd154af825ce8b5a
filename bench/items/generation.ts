// Continuing B prompts of P tokens by N more, greedily, with a cache of keys and values: what `generate` does, but for its
// reading back. Timed on the wall, as the host's part between the tokens counts, and told in tokens per second.
//   flops    2 per weight and token, and 4 C per layer, token and token that it sees
//   bytes    the weights once per step, and of the cache what each step sees

import { Continuation } from '../../src/llm/generate.ts';
import { modelConfig, PRESETS, type PresetName, TRAIN_DEFAULTS } from '../../src/llm/settings.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { ShapesOnly } from '../../src/nn/initialiser.ts';
import { transformerReference } from '../../test/reference/transformer.ts';
import { draws } from '../inputs.ts';
import type { HostArrays, Item, Results, Verdict } from '../item.ts';

const VOCABULARY = 65; // tinyshakespeare's characters
const [P, N] = [16, 48];
/** How far below the largest logit a chosen one may be, of the logits' scale: where two are as close, rounding decides. */
const CLOSE = 1e-4;

function generationItem(name: string, preset: PresetName | null, B: number): Item {
  const small = { layers: 1, heads: 2, width: 16, context: 64 };
  const settings = { ...TRAIN_DEFAULTS, ...(preset ? PRESETS[preset] : small) };
  const config = { ...modelConfig(settings, VOCABULARY), dropout: 0 };
  const { layers: L, width: C, heads: H } = config;
  const weights = 12 * L * C * C + VOCABULARY * C;
  const seen = (N * (2 * P + N)) / 2; // by the N new tokens, about
  return {
    name: `generate ${name}, batch ${B}`,
    family: 'generate',
    op: 'generate',
    shape: { L, H, C, B, P, N },
    dtype: 'f32',
    direction: 'step',
    options: config as unknown as Record<string, unknown>,
    flops: B * (2 * (P + N) * weights + 4 * L * C * (seen + P * P)),
    bytes: 4 * (N * weights + 2 * B * L * C * seen),
    tokens: B * N,
    clock: 'wall',
    quick: preset === null,
    /** prompts [B, P], and the weights by their names in the model. */
    inputs: () => ({ prompts: draws().integers([B, P], VOCABULARY), ...drawnWeights(config) }),
    start(device, { prompts: _, ...tensors }) {
      const model = new Transformer(new ShapesOnly(device), config);
      for (const [name, { shape }] of model.namedTensors())
        model.replace(name, tensors[name] ?? device.zeros(shape)); // biases that are held at 0
      const ids = draws().integers([B, P], VOCABULARY).data;
      const prompts = Array.from({ length: B }, (_, row) => rowOf(ids, row, P));
      let last: Continuation | null = null;
      return {
        run() {
          last?.[Symbol.dispose]();
          last = new Continuation(device, model, prompts, { maxNewTokens: N, temperature: 0 });
          last.readPrompts();
          for (let drawn = 1; drawn < N; drawn++) last.step();
          return {};
        },
        async read(): Promise<Results> {
          const { generated } = await last!.read(N);
          return { ids: generated.flatMap(({ newIds }) => newIds) };
        },
        dispose() {
          last?.[Symbol.dispose]();
          model.dispose();
        },
      };
    },
    check: (inputs, { ids }) => checkRow(config, inputs, ids!, B - 1),
  };
}

/** Blocks whose outputs outweigh the embedding: else the likeliest token is the last one again, whatever the cache holds. */
function drawnWeights({ layers, width: C, vocabularySize }: TransformerConfig): HostArrays {
  const { normal } = draws();
  const matrix = (out: number, inner: number) => normal([out, inner], 1 / Math.sqrt(inner));
  const ones = { shape: [C], dtype: 'f32', data: new Float32Array(C).fill(1) } as const;
  const blocks = Array.from({ length: layers }, (_, i) => ({
    [`blocks.${i}.attentionNorm.weight`]: ones,
    [`blocks.${i}.attention.qkv.weight`]: matrix(3 * C, C),
    [`blocks.${i}.attention.output.weight`]: matrix(C, C),
    [`blocks.${i}.mlpNorm.weight`]: ones,
    [`blocks.${i}.mlp.up.weight`]: matrix(4 * C, C),
    [`blocks.${i}.mlp.down.weight`]: matrix(C, 4 * C),
  }));
  const ends = { 'tokens.weight': normal([vocabularySize, C], 0.1), 'norm.weight': ones };
  return Object.assign({}, ends, ...blocks);
}

/** All must be tokens; one row's are compared with the float64 logits of the tokens before them, all in one pass without a cache. */
function checkRow(
  config: TransformerConfig,
  { prompts, ...weights }: HostArrays,
  ids: ArrayLike<number>,
  row: number,
): Verdict {
  if (ids.length < (row + 1) * N)
    return { correct: false, compared: 0, problem: `${ids.length} tokens` };
  const isToken = (id: number) => Number.isInteger(id) && id >= 0 && id < config.vocabularySize;
  const stray = Array.from(ids).findIndex((id) => !isToken(id));
  if (stray >= 0)
    return { correct: false, compared: 0, problem: `token ${stray}: got ${ids[stray]}` };
  const chosen = rowOf(ids, row, N);
  const context = [...rowOf(prompts!.data, row, P), ...chosen.slice(0, -1)];
  const logits = transformerReference(new Map(Object.entries(weights)), config, { ids: context });
  for (const [i, id] of chosen.entries()) {
    const z = logits[P - 1 + i]!;
    const top = Math.max(...z);
    if (!(z[id]! >= top - CLOSE * Math.max(...z.map(Math.abs)))) {
      const problem = `token ${i} of row ${row}: got ${id} with the logit ${z[id]}, the largest is ${top}`;
      return { correct: false, compared: i + 1, problem };
    }
  }
  return { correct: true, compared: N };
}

const rowOf = (data: ArrayLike<number>, row: number, length: number) =>
  Array.from({ length }, (_, i) => data[row * length + i]!);

export const generationItems: readonly Item[] = [
  generationItem('tiny', null, 2),
  ...[1, 16].flatMap((B) => [
    generationItem('nanoGPT CPU (4 layers, 128 wide)', 'shakespeare-char-cpu', B),
    generationItem('6 layers 384 wide', 'shakespeare-char', B),
  ]),
];
