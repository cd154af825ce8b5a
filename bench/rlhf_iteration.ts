// One iteration of RLHF by PPO on a language model, and its parts: answers drawn in one batch, scored by policy, reference and
// value head, and learned from. Candidates take turns, round by round. Ends are not looked for: all answers are as long.

import { trainable } from '../src/llm/trainable.ts';
import { Transformer } from '../src/llm/transformer.ts';
import { Initialiser } from '../src/nn/initialiser.ts';
import type { Device } from '../src/ops/device.ts';
import { drawAnswers } from '../src/posttrain/answers.ts';
import { TUNING_DEFAULTS } from '../src/posttrain/policy_base.ts';
import { rewardOf } from '../src/posttrain/rewards.ts';
import { RLHF_DEFAULTS, rlhf } from '../src/posttrain/rlhf.ts';
import {
  type Clock,
  measureInterleaved,
  medianRatio,
  processorClock,
  quantile,
  wallClock,
} from './measure.ts';

const SEED = 1;
const PROMPT_TOKENS = 12;
const PPO_EPOCHS = 4;

export interface RlhfBenchOptions {
  readonly layers: number;
  readonly width: number;
  readonly vocabularySize: number;
  /** N. */
  readonly answers: number;
  readonly newTokens: number;
  readonly rounds: number;
  /** Of all threads instead of the wall clock's. Default false. */
  readonly processorTime?: boolean;
}

/** `score` is what collecting takes besides drawing, `update` what an iteration takes besides collecting. */
export type RlhfPart = 'draw' | 'score' | 'update';

export interface RlhfBenchResult extends Omit<RlhfBenchOptions, 'processorTime'> {
  /** Parameters that learn. */
  readonly trained: number;
  readonly clock: Clock['source'];
  /** Of an iteration, and of its parts: medians of the rounds. */
  readonly milliseconds: Readonly<Record<RlhfPart | 'iteration' | 'draw, batch 1', number>>;
  /** Drawn tokens by the time of the part; an update goes through them 4 times. */
  readonly tokensPerSecond: Readonly<Record<RlhfPart | 'iteration' | 'draw, batch 1', number>>;
  /** How many times as many tokens a second the batch draws as one answer alone, in the median round. */
  readonly batchGain: number;
}

export async function benchRlhf(
  device: Device,
  { processorTime = false, ...options }: RlhfBenchOptions,
): Promise<RlhfBenchResult> {
  const { answers: N, newTokens, rounds } = options;
  const model = tunedModel(device, options);
  const policy = { model, adapter: 'policy' };
  const tasks = Array.from({ length: N }, (_, i) => ({ prompt: String.fromCharCode(65 + i) }));
  const codec = {
    encode: (text: string) =>
      Array.from({ length: PROMPT_TOKENS }, (_, t) => (text.charCodeAt(0) + 7 * t) % 64),
    decode: (ids: ArrayLike<number>) => Array.from(ids).join(' '),
  };
  const even = rewardOf('even', ({ ids }) => ids.filter((id) => id % 2 === 0).length / ids.length);
  const { learner, collector } = rlhf(
    device,
    {
      ...{ codec, tasks: () => tasks, rewards: [even], policy },
      ...{ reference: { model, adapter: null }, promptTokens: PROMPT_TOKENS, ends: [] },
    },
    { ...RLHF_DEFAULTS, answers: N, maxNewTokens: newTokens, epochs: PPO_EPOCHS, seed: SEED },
  );
  const draw = (asked: typeof tasks) =>
    drawAnswers(device, policy, codec, asked, {
      ...{ maxNewTokens: newTokens, ends: [], seeds: asked.map((_, i) => i) },
    });
  const candidates = [
    { name: 'iteration', run: async () => void (await learner.iterate(0, 1)) },
    { name: 'collect', run: async () => void (await collector.collect()) },
    { name: 'draw', run: async () => void (await draw(tasks)) },
    { name: 'draw, batch 1', run: async () => void (await draw(tasks.slice(0, 1))) },
  ];
  const clock = processorTime ? processorClock() : wallClock;
  try {
    const measured = await measureInterleaved(device, candidates, {
      ...{ rounds, clock, minMilliseconds: 1 },
    });
    const [iteration, collect, drawn, one] = measured.map(({ samples }) => ({ samples })) as [
      Sampled,
      Sampled,
      Sampled,
      Sampled,
    ];
    const milliseconds = {
      iteration: median(iteration.samples) / 1e3,
      draw: median(drawn.samples) / 1e3,
      score: median(differences(collect, drawn)) / 1e3,
      update: median(differences(iteration, collect)) / 1e3,
      'draw, batch 1': median(one.samples) / 1e3,
    };
    const tokens = (name: keyof typeof milliseconds) =>
      (1e3 * newTokens * (name === 'draw, batch 1' ? 1 : N)) / milliseconds[name];
    const names = Object.keys(milliseconds) as (keyof typeof milliseconds)[];
    return {
      ...options,
      trained: model.parameters().reduce((sum, { size }) => sum + size, 0),
      clock: clock.source,
      milliseconds,
      tokensPerSecond: Object.fromEntries(names.map((name) => [name, tokens(name)])) as never,
      batchGain: N * medianRatio(one.samples, drawn.samples),
    };
  } finally {
    learner.dispose();
    model.dispose();
  }
}

interface Sampled {
  readonly samples: readonly number[];
}

/** Round by round. */
const differences = (whole: Sampled, part: Sampled) =>
  whole.samples.map((time, round) => time - part.samples[round]!);

const median = (values: readonly number[]) => quantile(values, 0.5);

/** With the adapter that `shadegrad rlhf` trains by default. */
function tunedModel(
  device: Device,
  { layers, width, vocabularySize, newTokens }: RlhfBenchOptions,
): Transformer {
  const heads = width / 16;
  const model = new Transformer(new Initialiser(device, SEED), {
    ...{ vocabularySize, layers, width, heads, keyValueHeads: heads, hidden: 4 * width },
    context: PROMPT_TOKENS + newTokens,
    ...{ positions: 'learned', norm: 'layerNorm', activation: 'gelu', bias: true },
    ...{ tiedEmbeddings: true, dropout: 0 },
  });
  const { rank, alpha, targets } = TUNING_DEFAULTS;
  trainable(model, new Initialiser(device, SEED), { kind: 'lora', rank, alpha, targets }, 'policy');
  return model;
}
