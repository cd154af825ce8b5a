// A language model small enough to enumerate: answers of T tokens out of V, a uniform reference, reward 1 where the first two
// tokens are equal. Every quantity of RLHF is a finite sum here, and its optimum is known.
//
//   J(π) = E r - β KL(π ‖ π_ref)      π* ∝ π_ref e^{r / β}      J* = β ln E_ref e^{r / β}

import { Transformer } from '../llm/transformer.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import { answerRows } from './answers.ts';
import { rewardOf, type Task } from './rewards.ts';
import type { DrawingSettings, TextLearner, TextProblem } from './rlhf.ts';
import { readTokens, type Speaker } from './speaker.ts';

export interface EnumerableOptions {
  /** V. Default 3. */
  readonly vocabulary?: number;
  /** T, at least 2. Default 2. */
  readonly length?: number;
}

export interface Enumerable {
  /** All answers, V^T of them. */
  readonly answers: readonly (readonly number[])[];
  /** Of each. */
  readonly rewards: readonly number[];
}

/** The prompt of every answer: a model needs a token to begin with. */
const PROMPT = [0];

export function enumerable({
  vocabulary: V = 3,
  length: T = 2,
}: EnumerableOptions = {}): Enumerable {
  const answers = Array.from({ length: V ** T }, (_, i) =>
    Array.from({ length: T }, (_, t) => Math.floor(i / V ** (T - 1 - t)) % V),
  );
  return { answers, rewards: answers.map(([first, second]) => Number(first === second)) };
}

/** What a distribution over the answers is worth. */
export interface Objective {
  readonly J: number;
  readonly reward: number;
  readonly kl: number;
}

/** @param probabilities of `answers`, which add up to 1; the reference is uniform. */
export function objective(
  { rewards }: Enumerable,
  probabilities: readonly number[],
  beta: number,
): Objective {
  const reward = probabilities.reduce((sum, p, i) => sum + p * rewards[i]!, 0);
  const kl = probabilities.reduce(
    (sum, p) => sum + (p > 0 ? p * Math.log(p * probabilities.length) : 0),
    0,
  );
  return { J: reward - beta * kl, reward, kl };
}

/** π*, and what it is worth. */
export function optimum(
  space: Enumerable,
  beta: number,
): { readonly policy: readonly number[]; readonly JStar: number } {
  const weights = space.rewards.map((r) => Math.exp(r / beta));
  const total = weights.reduce((a, b) => a + b, 0);
  return {
    policy: weights.map((w) => w / total),
    JStar: beta * Math.log(total / weights.length),
  };
}

/** Answers as texts, `0 2`, for a codec that every prompt is the same to. */
export const enumerableCodec = {
  encode: () => PROMPT,
  decode: (ids: ArrayLike<number>) => Array.from(ids).join(' '),
};

export const enumerableTask: Task = { prompt: '' };

export const equalPair = rewardOf('equal', ({ ids: [first, second] }) => Number(first === second));

/** A transformer whose output weight is 0: every answer is as likely as any other, to begin with. */
export function uniformModel(
  device: Device,
  { vocabulary: V = 3, length: T = 2 }: EnumerableOptions = {},
  seed = 0,
): Transformer {
  const model = new Transformer(new Initialiser(device, seed), {
    vocabularySize: V,
    context: T,
    layers: 1,
    heads: 2,
    keyValueHeads: 2,
    width: 16,
    hidden: 32,
    positions: 'learned',
    norm: 'rmsNorm',
    activation: 'gelu',
    bias: false,
    tiedEmbeddings: false,
    dropout: 0,
  });
  model.head!.weight.write(new Float32Array(model.head!.weight.size));
  return model;
}

/** The probability of every answer under the speaker, read from the logits of all. */
export async function answerProbabilities(
  device: Device,
  speaker: Speaker,
  { answers }: Enumerable,
): Promise<number[]> {
  const length = answers[0]!.length;
  const rows = answerRows(
    answers.map((ids) => ({ promptIds: PROMPT, ids })),
    length,
  );
  const shape = [answers.length, length];
  const logProbs = device.scope(() =>
    noGrad(() => {
      const [ids, targets] = [rows.ids, rows.targets].map((x) => device.tensor(x, { shape }));
      return readTokens(speaker, ids!, targets!).logProb;
    }),
  );
  const each = [...(await logProbs.data())];
  logProbs.dispose();
  return answers.map((_, i) =>
    Math.exp(each.slice(i * length, (i + 1) * length).reduce((a, b) => a + b, 0)),
  );
}

/** What is learned on it: a uniform model, held to another. The models are the caller's to dispose. */
export function enumerableProblem(
  device: Device,
  {
    seed,
    answers,
    maxNewTokens: length,
  }: Pick<DrawingSettings, 'seed' | 'answers' | 'maxNewTokens'>,
): TextProblem<Task> & { readonly reference: Speaker } {
  const speaker = () => ({ model: uniformModel(device, { length }, seed), adapter: null });
  const tasks = Array.from({ length: answers }, () => enumerableTask);
  return {
    ...{ codec: enumerableCodec, tasks: () => tasks, rewards: [equalPair], policy: speaker() },
    ...{ reference: speaker(), promptTokens: PROMPT.length, ends: [] },
  };
}

export interface EnumerableResult {
  /** Of the trained policy, exact. */
  readonly J: number;
  readonly JStar: number;
  readonly kl: number;
  readonly reward: number;
  /** Of every answer, beside what is best. */
  readonly probabilities: readonly number[];
  readonly optimal: readonly number[];
}

/**
 * Learns on the smallest model from its uniform reference, through the same drawing, scoring and updates as any other.
 * @param create makes the learner, of `beta`; its answers have `maxNewTokens` tokens.
 */
export async function solveEnumerable(
  device: Device,
  create: (problem: TextProblem<Task>) => TextLearner<Task>,
  settings: Pick<DrawingSettings, 'seed' | 'answers' | 'beta' | 'maxNewTokens'>,
  {
    iterations,
    onProgress,
    signal,
  }: {
    readonly iterations: number;
    readonly onProgress?: (step: number, metrics: Readonly<Record<string, number>>) => void;
    readonly signal?: AbortSignal;
  },
): Promise<EnumerableResult> {
  const { beta, maxNewTokens: length } = settings;
  const space = enumerable({ length });
  const problem = enumerableProblem(device, settings);
  const { learner, collector } = create(problem);
  try {
    for (let step = 0; step < iterations && !signal?.aborted; step++) {
      const { metrics } = await learner.iterate(step, iterations);
      onProgress?.(step + 1, { ...collector.metrics, ...metrics });
    }
    const probabilities = await answerProbabilities(device, problem.policy, space);
    const { policy: optimal, JStar } = optimum(space, beta);
    return { ...objective(space, probabilities, beta), JStar, probabilities, optimal };
  } finally {
    learner.dispose();
    collector.dispose();
    learner.model.dispose();
    problem.reference.model.dispose();
  }
}
