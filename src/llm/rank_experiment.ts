// LoRA against full fine-tuning as the rank grows (lecture row H7), on a task whose change needs rank.
//
// The task: write a word in a secret alphabet, `hbdq=xmap`, one letter for each. The base has learned one alphabet, and is
// tuned to another, in which no letter stays: a map of L letters to L others, which a low-rank change of few matrices can only
// follow in part.

import { positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { type RandomStream, randomStream } from '../tensor/philox.ts';
import { characterTokenizer } from '../text/characters.ts';
import { completionSegments } from '../text/chat_template.ts';
import { type FinetuneData, finetune } from './finetune.ts';
import type { FinetuneSettings } from './finetune_settings.ts';
import { rankReport } from './rank_report.ts';
import type { Evaluation } from './run_steps.ts';
import { type Example, encodeExample } from './supervised.ts';
import { Transformer } from './transformer.ts';
import type { TransformerConfig } from './transformer_config.ts';

export const RANK_DEFAULTS = {
  letters: 16,
  wordLength: 5,
  examples: 4000,
  heldOut: 400,
  width: 32,
  layers: 1,
  heads: 4,
  baseSteps: 1000,
  baseLearningRate: 5e-3,
  ranks: [1, 2, 4, 8, 16],
  targets: ['query', 'value'],
  steps: 300,
  batch: 32,
  /** Of full fine-tuning; LoRA takes `loraRate` times as much. */
  learningRate: 2e-3,
  loraRate: 5,
  seeds: [1, 2, 3],
};

export type RankSettings = typeof RANK_DEFAULTS;

const RANK_CHECKS = {
  letters: positiveInteger,
  wordLength: positiveInteger,
  examples: positiveInteger,
  heldOut: positiveInteger,
  width: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  baseSteps: positiveInteger,
  baseLearningRate: positive,
  steps: positiveInteger,
  batch: positiveInteger,
  learningRate: positive,
  loraRate: positive,
};

/** A seed's base. */
export interface RankBase {
  readonly seed: number;
  /** Held-out loss per letter on its own alphabet, in nats. */
  readonly loss: number;
}

/** One fine-tuning. */
export interface RankResult {
  readonly seed: number;
  /** Null: full fine-tuning. */
  readonly rank: number | null;
  /** Values that were trained. */
  readonly trained: number;
  /** Per letter on held-out words, in nats, at the end. */
  readonly loss: number;
  /** The first is that before tuning. */
  readonly evaluations: readonly Evaluation[];
}

export interface RankResults {
  readonly bases: readonly RankBase[];
  readonly results: readonly RankResult[];
}

/** Trains a base for each seed, and tunes copies of it with each rank and in full. */
export const rankExperiment: Experiment<RankSettings, RankResults> = {
  defaults: RANK_DEFAULTS,
  checks: RANK_CHECKS,
  count: ({ seeds, ranks }) => seeds.length * (ranks.length + 2),
  run,
  report: rankReport,
};

async function run(device: Device, settings: RankSettings, cells: Cells): Promise<RankResults> {
  const bases: RankBase[] = [];
  const results: RankResult[] = [];
  for (const seed of settings.seeds) {
    const task = new Task(settings, seed);
    const model = () => new Transformer(new Initialiser(device, seed), task.config);
    const tuned = async (
      which: 'own' | 'other',
      from: Transformer,
      how: Partial<FinetuneSettings>,
    ) => {
      const { signal } = cells;
      const result = await finetune(device, from, task.data(which), { settings: how, signal });
      signal.throwIfAborted();
      return result;
    };

    const base = await cells.weights(
      `base-seed-${seed}`,
      async () => {
        const module = model();
        const { evaluations } = await tuned('own', module, baseSettings(settings, seed));
        return { module, about: { seed, loss: evaluations.at(-1)!.loss } };
      },
      ({ loss }) => `${loss.toFixed(4)} nats`,
    );
    bases.push(base.about);
    for (const rank of [...settings.ranks, null]) {
      const name = `seed-${seed}-${rank === null ? 'full' : `rank-${rank}`}`;
      const cell = await cells.cell(
        name,
        async () => {
          const copy = model();
          copy.load(base.tensors);
          const { trained, evaluations } = await tuned(
            'other',
            copy,
            tuningSettings(settings, seed, rank),
          );
          copy.dispose();
          return { seed, rank, trained, loss: evaluations.at(-1)!.loss, evaluations };
        },
        ({ trained, loss }) => `${trained} values, ${loss.toFixed(4)} nats`,
      );
      results.push(cell);
    }
  }
  return { bases, results };
}

/** Evaluations happen at the beginning and at the end. */
const SHARED = { template: 'lines', evaluateEvery: 100, logEvery: 100, warmup: 0.1 } as const;

const baseSettings = (
  { baseSteps: steps, baseLearningRate: learningRate, batch }: RankSettings,
  seed: number,
): Partial<FinetuneSettings> => ({ ...SHARED, seed, steps, batch, learningRate, method: 'full' });

function tuningSettings(
  { steps, batch, learningRate, loraRate, targets }: RankSettings,
  seed: number,
  rank: number | null,
): Partial<FinetuneSettings> {
  const common = { ...SHARED, seed, steps, batch };
  if (rank === null) return { ...common, method: 'full', learningRate };
  return {
    ...common,
    method: 'lora',
    rank,
    alpha: rank,
    targets,
    learningRate: loraRate * learningRate,
  };
}

const STREAM = 0x72616e6b; // 'rank': the draws of a seed that belong to this task

/** Words, and two secret alphabets. */
class Task {
  readonly config: TransformerConfig;
  private readonly tokenizer;
  private readonly alphabets: Readonly<Record<'own' | 'other', readonly number[]>>;

  constructor(
    private readonly settings: RankSettings,
    private readonly seed: number,
  ) {
    const { letters, wordLength, width, layers, heads } = settings;
    const alphabet = Array.from({ length: letters }, (_, i) => letterOf(i)).join('');
    this.tokenizer = characterTokenizer(`${alphabet}=\n`);
    const own = Array.from({ length: letters }, (_, i) => i);
    randomStream(seed, STREAM).shuffle(own);
    this.alphabets = { own, other: derangedFrom(own) };
    this.config = {
      vocabularySize: this.tokenizer.vocabularySize,
      context: 2 * wordLength + 1,
      layers,
      heads,
      keyValueHeads: heads,
      width,
      hidden: 4 * width,
      positions: 'learned',
      norm: 'rmsNorm',
      activation: 'gelu',
      bias: false,
      tiedEmbeddings: false,
      dropout: 0,
    };
  }

  data(which: 'own' | 'other'): FinetuneData {
    const { examples, heldOut } = this.settings;
    const random = randomStream(this.seed, STREAM, { step: which === 'own' ? 1 : 2 });
    const all = Array.from({ length: examples + heldOut }, () => this.example(which, random));
    return { train: all.slice(0, examples), heldOut: all.slice(examples) };
  }

  private example(which: 'own' | 'other', random: RandomStream): Example {
    const { letters, wordLength } = this.settings;
    const word = Array.from({ length: wordLength }, () => random.integer(letters));
    const written = word.map((letter) => this.alphabets[which][letter]!);
    const text = (indices: readonly number[]) => indices.map(letterOf).join('');
    const pair = { prompt: `${text(word)}=`, completion: text(written) };
    const { tokenizer } = this;
    const { context } = this.config;
    return encodeExample(completionSegments(pair, 'lines'), 'example', {
      tokenizer,
      template: 'lines',
      context,
    });
  }
}

const letterOf = (index: number) => String.fromCodePoint('a'.codePointAt(0)! + index);

/** Each place gets its neighbour's letter: none stays. */
function derangedFrom(letters: readonly number[]): number[] {
  return letters.map((_, i) => letters[(i + 1) % letters.length]!);
}
