// One training step of a transformer as `shadegrad train` takes it: batch, forward, backward, clipping, AdamW.
//   flops    6 per weight and token (Kaplan et al. 2020: forward 2, backward 4), and 12 L T C / 2 per token for the
//            causal half of the attention
//   bytes    28 per parameter for AdamW, 8 more for reading weights and writing gradients; activations not counted

import { trainingData } from '../../src/llm/data.ts';
import {
  PRESETS,
  type PresetName,
  TRAIN_DEFAULTS,
  type TrainSettings,
} from '../../src/llm/settings.ts';
import { Trainer } from '../../src/llm/trainer.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { generateCorpus } from '../../src/text/grammar.ts';
import type { Item, Results, Verdict } from '../item.ts';

const CORPUS_CHARACTERS = 20_000;

function trainingItem(name: string, preset: PresetName | null, changes: Partial<TrainSettings>) {
  const settings: TrainSettings = {
    ...TRAIN_DEFAULTS,
    ...(preset && PRESETS[preset]),
    warmupSteps: 10,
    ...changes,
  };
  const { layers: L, width: C, context: T, batch: B, heads: H } = settings;
  const content = () => generateCorpus({ seed: 1, characters: CORPUS_CHARACTERS });
  const weights = 12 * L * C * C;
  return {
    name: `training step ${name}`,
    family: 'training',
    op: 'Trainer.step',
    shape: { L, H, C, T, B },
    dtype: 'f32',
    direction: 'step',
    options: settings,
    flops: B * T * (6 * weights + 6 * L * T * C),
    bytes: 36 * weights,
    tokens: B * T,
    quick: preset === null,
    /** tokens: [n], from which each step draws its windows (src/text/loader.ts). */
    inputs() {
      const text = content();
      const tokens = characterTokenizer(text).encode(text);
      return { tokens: { shape: [tokens.length], dtype: 'i32', data: tokens } };
    },
    start(device) {
      const data = trainingData({ name: 'bench', content: content() }, settings);
      const trainer = new Trainer(device, settings, data);
      let [steps, first] = [0, Number.NaN];
      let firstLoss: Promise<number[]> | null = null;
      return {
        run() {
          trainer.step(steps++);
          firstLoss ??= trainer.lossesSince(0, 1); // later steps take its place
          return {};
        },
        async read(): Promise<Results> {
          first = (await firstLoss)![0]!;
          const [last] = await trainer.lossesSince(steps - 1, steps);
          return { losses: [first, last!], vocabularySize: [data.tokenizer.vocabularySize] };
        },
        dispose() {
          trainer.dispose();
          trainer.model.dispose();
        },
      };
    },
    check: (_inputs, results, calls) => checkLosses(results, calls),
  } satisfies Item;
}

/**
 * A float64 step of a whole model would take minutes. What holds of every right one: small initial weights make all
 * tokens equally likely, so the first loss is ln V to a few percent, and steps lower it.
 */
function checkLosses({ losses, vocabularySize }: Results, calls: number): Verdict {
  const [first, last] = [losses![0]!, losses![1]!];
  const uniform = Math.log(vocabularySize![0]!);
  if (!(Math.abs(first - uniform) < 0.05 * uniform)) {
    const problem = `the first loss is ${first}, expected ln V = ${uniform} to 5 %`;
    return { correct: false, compared: 1, problem };
  }
  if (calls >= 10 && !(last < first - 0.1)) {
    const problem = `after ${calls} steps the loss is ${last}; it began at ${first}`;
    return { correct: false, compared: 2, problem };
  }
  return { correct: true, compared: 2 };
}

export const trainingItems: readonly Item[] = [
  trainingItem('tiny', null, { layers: 1, heads: 2, width: 16, context: 16, batch: 4 }),
  trainingItem('nanoGPT CPU (4 layers, 128 wide)', 'shakespeare-char-cpu', {}),
  trainingItem('6 layers 384 wide, context 256, batch 8', 'shakespeare-char', { batch: 8 }),
];
