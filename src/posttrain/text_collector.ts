// Text as an environment: a state is the text so far, an action the next token, and the reward comes with the last one.
//
//   r_t = -β k(π ‖ π_ref)_t + [t is the last] score
// Answers are drawn in one batch on the device, scored, and laid out in rows [N, L] from which the policy learns.

import { ConfigError } from '../errors.ts';
import type { Json } from '../io/json.ts';
import { meanInterval } from '../io/mean_interval.ts';
import { mul, sub } from '../ops/binary.ts';
import type { CapturedStep } from '../ops/capture.ts';
import { copyInto } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { sum } from '../ops/reduce.ts';
import type { Collecting } from '../rl/rollout.ts';
import type { Episode } from '../rl/vector.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type TokenEstimator, whitened } from './advantages.ts';
import {
  type AnswerDrawer,
  answerRows,
  type DrawnAnswer,
  drawAnswers,
  perToken,
  type TextCodec,
} from './answers.ts';
import { type AdaptiveKlOptions, adaptedBeta, type KlEstimator, klEstimate } from './kl.ts';
import { checkRewards, type Reward, type Scores, scoreAnswers, type Task } from './rewards.ts';
import { readTokens, type Speaker } from './speaker.ts';
import type { TextPolicy } from './text_policy.ts';

/** N answers in rows of L positions; each rollout overwrites them. All f32 but for ids and targets. */
export interface TextRollout {
  /** [N, L] i32: what is read. */
  readonly ids: Tensor;
  /** [N, L] i32: what follows. */
  readonly targets: Tensor;
  /** [N, L]: 1 where the target is a token of the answer that counts. */
  readonly mask: Tensor;
  /** [N, L]: log π of the targets when they were drawn. */
  readonly logProbs: Tensor;
  /** [N, L]: log π_ref of them; zeros where there is no reference. */
  readonly referenceLogProbs: Tensor;
  /** [N, L]: V when they were drawn; zeros where the policy has no value head. */
  readonly values: Tensor;
  readonly advantages: Tensor;
  readonly returns: Tensor;
}

export interface TextCollectorOptions<T extends Task> {
  readonly codec: TextCodec;
  /** Default `drawAnswers`. */
  readonly draw?: AnswerDrawer;
  /** The tasks of a rollout, `answers` of them with those of a group side by side; a function of its number. */
  readonly tasks: (rollout: number) => readonly T[];
  /** N. */
  readonly answers: number;
  readonly rewards: readonly Reward<T>[];
  /** What KL is measured from; null: nothing holds the policy, and β must be 0. */
  readonly reference: Speaker | null;
  /** β at the beginning. */
  readonly beta: number;
  /** Where β acts: in the tokens' rewards, or in the loss, which then takes it from `beta`. */
  readonly klIn: 'reward' | 'loss';
  readonly klEstimator: KlEstimator;
  /** Lets β follow the measured KL; null: it stays. */
  readonly adaptiveKl: AdaptiveKlOptions | null;
  readonly whitenRewards: boolean;
  readonly whitenAdvantages: boolean;
  /** The score of an answer without an end, in the place of its own; null: its own. */
  readonly missingEnd: number | null;
  readonly estimate: TokenEstimator;
  /** Answers to the same prompt. Groups whose scores are all equal are counted, and left out where β is 0. Default 1. */
  readonly groupSize?: number;
  /** Whether answers without an end are left out of the loss; what others are compared with they stay. Default false. */
  readonly maskTruncated?: boolean;
  /** Most tokens of a prompt; the rows have this and maxNewTokens - 1 positions. */
  readonly promptTokens: number;
  readonly maxNewTokens: number;
  readonly ends: readonly number[];
  readonly seed: number;
  readonly onWarning?: (line: string) => void;
}

/** Means over the answers of a rollout, before any whitening. */
export interface TextMetrics extends Readonly<Record<string, number>> {
  /** The weighted sum of the rewards. */
  readonly score: number;
  /** Σ_t log π - log π_ref, per answer. */
  readonly kl: number;
  /** Of this rollout. */
  readonly beta: number;
  /** Tokens, the end included. */
  readonly length: number;
  /** The share that came to an end. */
  readonly finished: number;
}

/** A mean KL so many standard errors below 0 is no accident. */
const NOISE = 5;

export class TextCollector<T extends Task> implements Collecting<TextRollout> {
  readonly rollout: TextRollout;
  /** Of the last rollout. */
  answers: readonly DrawnAnswer<T>[] = [];
  scores: Scores = { totals: [], parts: {} };
  metrics: TextMetrics = { score: 0, kl: 0, beta: 0, length: 0, finished: 0 };
  /** β, for a loss that it acts in: scalar. */
  readonly beta: Tensor;
  readonly #rewards: Tensor;
  readonly #ends: Tensor;
  /** [N, 1]: 1 where the answer is learned from. */
  readonly #counts: Tensor;
  #betaNow: number;
  #rollouts = 0;
  #prepare: CapturedStep<Tensor> | null = null;

  constructor(
    private readonly device: Device,
    private readonly policy: TextPolicy,
    private readonly options: TextCollectorOptions<T>,
  ) {
    const { answers: N, promptTokens, maxNewTokens, groupSize = 1, beta, reference } = options;
    checkRewards(options.rewards);
    if (N % groupSize !== 0)
      throw new ConfigError(`${N} answers are no whole groups of ${groupSize}`);
    if (!(beta >= 0)) throw new ConfigError(`beta is ${beta}, expected 0 or more`);
    if (beta > 0 && !reference)
      throw new ConfigError(`beta is ${beta}, and there is no reference to hold the policy to`);
    const L = promptTokens + maxNewTokens - 1;
    const kept = (shape: readonly number[], dtype: 'f32' | 'i32' = 'f32') =>
      Object.assign(device.zeros(shape, { dtype }), { kept: true });
    this.rollout = {
      ids: kept([N, L], 'i32'),
      targets: kept([N, L], 'i32'),
      mask: kept([N, L]),
      logProbs: kept([N, L]),
      referenceLogProbs: kept([N, L]),
      values: kept([N, L]),
      advantages: kept([N, L]),
      returns: kept([N, L]),
    };
    [this.#rewards, this.#ends] = [kept([N, L]), kept([N, L])];
    [this.#counts, this.beta] = [kept([N, 1]), kept([])];
    this.#betaNow = beta;
  }

  async collect(): Promise<readonly Episode[]> {
    const { codec, draw = drawAnswers, tasks, rewards } = this.options;
    const { answers: N, maxNewTokens, ends } = this.options;
    const { speaker, temperature } = this.policy;
    const first = this.options.seed * 2 ** 32 + this.#rollouts * N;
    const asked = tasks(this.#rollouts);
    this.#checkGroups(asked);
    this.answers = await draw(this.device, speaker, codec, asked, {
      maxNewTokens,
      temperature,
      ends,
      seeds: Array.from({ length: N }, (_, i) => first + i),
    });
    this.#rollouts++;
    this.scores = await scoreAnswers(rewards, this.answers);
    const totals = this.#totals();
    const equal = this.#equalGroups(totals);
    this.#write(totals, equal);
    if (this.#prepare) this.#prepare();
    else this.#prepare = this.device.capture(() => noGrad(() => this.#estimate()));
    const kl = [...(await this.#prepare.result.data())];
    this.#measure(totals, kl, equal.size);
    return this.answers.map(({ ids, finished }, copy) => ({
      copy,
      return: totals[copy]!,
      length: ids.length,
      truncated: !finished,
    }));
  }

  updateNorm(): void {} // texts are not normalised

  #totals(): number[] {
    const { missingEnd } = this.options;
    return this.scores.totals.map((total, i) =>
      missingEnd === null || this.answers[i]!.finished ? total : missingEnd,
    );
  }

  /** @throws ConfigError for a group of answers to different prompts */
  #checkGroups(asked: readonly T[]): void {
    const { groupSize = 1 } = this.options;
    const first = (i: number) => asked[i - (i % groupSize)]!;
    const stray = asked.findIndex(({ prompt }, i) => prompt !== first(i).prompt);
    if (stray < 0) return;
    const [one, other] = [first(stray), asked[stray]!].map(({ prompt }) => JSON.stringify(prompt));
    throw new ConfigError(
      `tasks ${stray - (stray % groupSize)} and ${stray} are of one group of ${groupSize} and ask ${one} and ${other}; the tasks of a group stand side by side`,
    );
  }

  /** Numbers of the groups in which nothing is better than anything else. */
  #equalGroups(totals: readonly number[]): Set<number> {
    const { groupSize = 1 } = this.options;
    if (groupSize === 1) return new Set();
    const groups = Array.from({ length: totals.length / groupSize }, (_, g) => g);
    const differs = (g: number) =>
      totals.slice(g * groupSize, (g + 1) * groupSize).some((x) => x !== totals[g * groupSize]);
    return new Set(groups.filter((g) => !differs(g)));
  }

  #write(totals: readonly number[], equal: ReadonlySet<number>): void {
    const { promptTokens, maxNewTokens, groupSize = 1, maskTruncated = false } = this.options;
    const { answers, rollout } = this;
    const L = promptTokens + maxNewTokens - 1;
    const rows = answerRows(answers, L);
    // Of answers of the same score KL still says something.
    const skipped = (row: number) => this.#betaNow === 0 && equal.has(Math.floor(row / groupSize));
    const counts = answers.map(
      ({ finished }, row) => !skipped(row) && (finished || !maskTruncated),
    );
    this.#counts.write(counts.map(Number));
    rollout.ids.write(rows.ids);
    rollout.targets.write(rows.targets);
    rollout.mask.write(rows.mask);
    rollout.logProbs.write(perToken(answers, L, (row) => answers[row]!.logProbs));
    const atEnd = (value: (row: number) => number) =>
      perToken(answers, L, (row) => [...answers[row]!.ids.slice(1).map(() => 0), value(row)]);
    this.#rewards.write(atEnd((row) => totals[row]!));
    this.#ends.write(atEnd(() => 1));
    this.beta.write([this.#betaNow]);
  }

  /** What follows from a rollout and the policy that made it. @returns [N]: the KL of each answer */
  #estimate(): Tensor {
    const { reference, klIn, klEstimator, whitenRewards, whitenAdvantages } = this.options;
    const { ids, targets, mask, logProbs, ...estimated } = this.rollout;
    const { temperature } = this.policy;
    if (this.policy.valueHead) copyInto(estimated.values, this.policy.judge(ids, targets).values!);
    if (reference) {
      const { logProb } = readTokens(reference, ids, targets, { temperature });
      copyInto(estimated.referenceLogProbs, mul(logProb, mask));
    }
    const { referenceLogProbs, values } = estimated;
    const kl = mul(klEstimate(klEstimator, logProbs, referenceLogProbs), mask);
    const cost = reference && klIn === 'reward' ? mul(kl, this.beta) : null;
    const plain = cost ? sub(this.#rewards, cost) : this.#rewards;
    const rewards = whitenRewards ? whitened(plain, mask, { shift: false }) : plain;
    const found = this.options.estimate({ rewards, values, ends: this.#ends, mask });
    const advantages = whitenAdvantages ? whitened(found.advantages, mask) : found.advantages;
    copyInto(estimated.advantages, advantages);
    copyInto(estimated.returns, found.returns);
    const ofAnswers = sum(mul(sub(logProbs, referenceLogProbs), mask), { axis: 1 });
    copyInto(mask, mul(mask, this.#counts));
    return ofAnswers;
  }

  #measure(totals: readonly number[], kls: readonly number[], equalGroups: number): void {
    const { reference, adaptiveKl, groupSize = 1 } = this.options;
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const kl = reference ? mean(kls) : 0;
    const parts = Object.entries(this.scores.parts).map(
      ([name, values]) => [`reward/${name}`, mean(values)] as const,
    );
    this.metrics = {
      score: mean(totals),
      ...(parts.length > 1 && Object.fromEntries(parts)),
      kl,
      beta: this.#betaNow,
      length: mean(this.answers.map(({ ids }) => ids.length)),
      finished: mean(this.answers.map(({ finished }) => Number(finished))),
      ...(groupSize > 1 && { equalGroups }),
    };
    if (reference) this.#warnBelowZero(kls);
    if (adaptiveKl) this.#betaNow = adaptedBeta(this.#betaNow, kl, totals.length, adaptiveKl);
  }

  #warnBelowZero(kls: readonly number[]): void {
    const { mean, margin } = meanInterval(kls);
    const error = margin / 2;
    if (kls.length < 4 || !(mean < -NOISE * Math.max(error, 1e-4))) return;
    this.options.onWarning?.(
      `KL from the reference is ${mean.toFixed(3)} ± ${error.toFixed(3)}, below 0 beyond noise: answers are not drawn from the distribution whose log-probabilities are compared (another temperature, a cut by top-k or top-p, or an adapter that differs between drawing and judging)`,
    );
  }

  async snapshot(): Promise<Json> {
    return { rollouts: this.#rollouts, beta: this.#betaNow };
  }

  restore(snapshot: Json): void {
    const saved = snapshot as { rollouts: number; beta: number };
    [this.#rollouts, this.#betaNow] = [saved.rollouts, saved.beta];
  }

  dispose(): void {
    this.#prepare?.result.dispose();
    this.#prepare?.dispose();
    const own = [
      ...Object.values(this.rollout),
      this.#rewards,
      this.#ends,
      this.#counts,
      this.beta,
    ];
    for (const x of own) x.dispose();
  }
}
