// Training a reward model on preferences: the two answers of a pair go through the model side by side.
//
//   loss = mean -ln σ(r_chosen - r_rejected - margin) + centring · mean (r_chosen + r_rejected)²

import { ConfigError, DataError } from '../errors.ts';
import type { Checkpoint } from '../io/checkpoint.ts';
import { checkSettings, resolveSettings } from '../io/config.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { generate } from '../llm/generate.ts';
import type { RunLog } from '../llm/run_log.ts';
import {
  type Evaluation,
  type Measured,
  runSteps,
  type Trained,
  type TrainProgress,
} from '../llm/run_steps.ts';
import { type BatchTensors, requireFinite, type StepSettings, Steps } from '../llm/steps.ts';
import { exampleBatches } from '../llm/supervised.ts';
import { addLora } from '../llm/trainable.ts';
import type { Transformer } from '../llm/transformer.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { setAdapter } from '../nn/linear.ts';
import { add, mul } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { bradleyTerryLoss } from '../ops/preference.ts';
import { mean } from '../ops/reduce.ts';
import { square } from '../ops/unary.ts';
import { reshape, slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { PreferenceTokens } from './preferences.ts';
import { evaluatePairs, type JudgedPair, type RewardEvaluation } from './reward_evaluation.ts';
import { normaliseRewards, RewardModel, scoreSequences, tokenRows } from './reward_model.ts';
import {
  REWARD_CHECKS,
  REWARD_DEFAULTS,
  type RewardSettings,
  rewardSteps,
} from './reward_settings.ts';
import type { Speaker } from './speaker.ts';

/** The name under which a reward model's LoRA is found in its base. */
export const REWARD_ADAPTER = 'reward';

/** A reward model that is not trained yet, on a LoRA that is added to the model under a name, or on the model itself. */
export function createRewardModel(
  device: Device,
  model: Transformer,
  settings: Pick<
    RewardSettings,
    'seed' | 'method' | 'rank' | 'alpha' | 'targets' | 'headStd'
  > = REWARD_DEFAULTS,
  { name = REWARD_ADAPTER }: { readonly name?: string } = {},
): RewardModel {
  const { seed, method, rank, alpha, targets, headStd } = settings;
  const init = new Initialiser(device, seed);
  const lora = method === 'lora';
  if (lora) addLora(model, init, { kind: 'lora', rank, alpha, targets }, name);
  const speaker = { model, adapter: lora ? name : null };
  return new RewardModel(device, speaker, { seed, ...(headStd !== null && { headStd }) });
}

export interface RewardData {
  readonly train: readonly PreferenceTokens[];
  /** May be empty: then nothing is evaluated. */
  readonly heldOut: readonly PreferenceTokens[];
  /** Prompts with answers that the reference has drawn, for the normalisation; empty: there is none. */
  readonly reference: readonly (readonly number[])[];
}

export interface TrainRewardOptions {
  readonly settings?: Partial<RewardSettings>;
  /** Keeps metrics and checkpoints, and says where to continue; default: nothing is kept. */
  readonly run?: RunLog;
  readonly onStart?: (start: RewardStart) => void;
  readonly onProgress?: (progress: TrainProgress) => void | Promise<void>;
  /** Stops after the steps under way, with a checkpoint where `run` keeps them. */
  readonly signal?: AbortSignal;
  /** Milliseconds; default `performance.now`. */
  readonly clock?: () => number;
}

export interface RewardStart {
  readonly steps: number;
  /** Steps done before: 0 unless the run is resumed. */
  readonly first: number;
  /** Values that are trained. */
  readonly trained: number;
}

export interface RewardResult extends RewardStart {
  readonly settings: RewardSettings;
  /** Steps done. */
  readonly step: number;
  readonly stopped: boolean;
  /** Held-out losses; the first is that before training. */
  readonly evaluations: readonly Evaluation[];
  /** On the held-out preferences at the end, in the scale of the training; null where nothing is held out. */
  readonly evaluation: RewardEvaluation | null;
  readonly seconds: number;
}

/**
 * Trains the reward model in place; what else its base holds keeps its bits. Where there are answers of the reference, their
 * rewards have mean 0 and variance 1 before the first step and after the last.
 * @throws ConfigError for a bad setting, DataError for a loss that is not finite and for texts beyond the context.
 */
export async function trainRewardModel(
  device: Device,
  rewardModel: RewardModel,
  data: RewardData,
  options: TrainRewardOptions = {},
): Promise<RewardResult> {
  const { run = null, onStart, onProgress, signal, clock = () => performance.now() } = options;
  const settings = checkSettings(resolveSettings(REWARD_DEFAULTS, options.settings), REWARD_CHECKS);
  const normalise = async () => {
    const { batch } = settings;
    if (data.reference.length > 0)
      await normaliseRewards(device, rewardModel, data.reference, { batch: 2 * batch });
  };
  const trainer = new RewardTrainer(device, rewardModel, data, settings);
  const { steps } = trainer.schedule;
  const begin = clock();
  try {
    if (run?.checkpoint) trainer.restore(run.checkpoint);
    else if (settings.headStd !== 0) await normalise();
    const first = run?.checkpoint?.step ?? 0;
    const start = { steps, first, trained: trainer.trained };
    onStart?.(start);
    const before = run?.checkpoint ? run.evaluations : await trainer.initialEvaluations();
    const { step, evaluations } = await runSteps(trainer, {
      ...settings,
      steps,
      positions: trainer.positions,
      run,
      before,
      savesBest: false,
      onProgress,
      signal,
      clock,
    });
    const evaluation = await trainer.evaluation();
    const stopped = step < steps;
    if (!stopped) await normalise();
    const seconds = (clock() - begin) / 1000;
    return { ...start, settings, step, stopped, evaluations, evaluation, seconds };
  } finally {
    trainer.dispose();
  }
}

/** B pairs: both answers' tokens [B, 2 L] with padding at their ends, where their last ones stand, and the labels. */
type PairRows = {
  readonly ids: Int32Array;
  readonly last: Int32Array;
  readonly weights: Float32Array;
};

class RewardTrainer implements Trained {
  readonly schedule: StepSettings;
  readonly positions: number;
  /** Values that are trained. */
  readonly trained: number;
  readonly #length: number;
  readonly #steps: Steps<PairRows>;
  readonly #take: (step: number) => PreferenceTokens[];
  /** What was trained before of what is frozen meanwhile. */
  readonly #frozen: readonly Tensor[];

  constructor(
    private readonly device: Device,
    private readonly rewardModel: RewardModel,
    private readonly data: RewardData,
    private readonly settings: RewardSettings,
  ) {
    const { train, heldOut } = data;
    const { seed, batch, evaluateEvery, checkpointEvery, logEvery } = settings;
    const { context } = rewardModel.speaker.model.config;
    if (train.length < batch)
      throw new ConfigError(
        `batch is ${batch}, and there are ${train.length} preferences to train on; lower it, or give more`,
      );
    this.#length = [...train, ...heldOut]
      .flatMap(sequencesOf)
      .reduce((n, ids) => Math.max(n, ids.length), 0);
    if (this.#length > context)
      throw new DataError(
        `a prompt with its answer has ${this.#length} tokens, and the model's context is ${context}; shorten it`,
      );
    this.schedule = rewardSteps(settings, train.length);
    this.positions = 2 * batch * this.#length;
    this.#take = exampleBatches(train, { seed, batch });
    const parameters = rewardModel.trained;
    this.#frozen = rewardModel.speaker.model.parameters();
    for (const x of this.#frozen) x.requireGrad(false);
    for (const x of parameters.values()) x.requireGrad();
    this.trained = [...parameters.values()].reduce((sum, x) => sum + x.size, 0);
    this.#steps = new Steps(device, {
      parameters,
      settings: this.schedule,
      like: this.#rows(this.#take(0)),
      loss: (rows) => this.#loss(rows),
      history: Math.max(logEvery, evaluateEvery, checkpointEvery),
    });
  }

  step(step: number): void {
    this.#steps.step(step, this.#rows(this.#take(step)), 1 / this.settings.accumulate);
  }

  #rows(pairs: readonly PreferenceTokens[]): PairRows {
    const { ids, last } = tokenRows(pairs.flatMap(sequencesOf), this.#length);
    // A part of the batch counts its tokens from 0.
    const part = (ids.length / this.settings.accumulate) | 0;
    return {
      ids,
      last: last.map((at) => at % part),
      weights: Float32Array.from(pairs, ({ weight }) => weight),
    };
  }

  #loss({ ids, last, weights }: BatchTensors<PairRows>): Tensor {
    const { margin, centring } = this.settings;
    const rows = 2 * ids.shape[0]!;
    const rewards = this.rewardModel.forward(
      reshape(ids, [rows, this.#length]),
      reshape(last, [rows]),
    );
    const pairs = reshape(rewards, [rows / 2, 2]);
    const side = (i: number) =>
      reshape(slice(pairs, { start: [0, i], end: [rows / 2, i + 1] }), [rows / 2]);
    const [chosen, rejected] = [side(0), side(1)];
    const labels = reshape(weights, [rows / 2]);
    const loss = bradleyTerryLoss(chosen, rejected, { weights: labels, margin });
    return centring === 0 ? loss : add(loss, mul(mean(square(add(chosen, rejected))), centring));
  }

  learningRate(step: number): number {
    return this.#steps.schedule(step);
  }

  lossesSince(begin: number, end: number): Promise<number[]> {
    return this.#steps.lossesSince(begin, end);
  }

  /** Of the held-out preferences; null where there are none. */
  async evaluation(): Promise<RewardEvaluation | null> {
    const { heldOut } = this.data;
    if (heldOut.length === 0) return null;
    const { batch } = this.settings;
    return evaluatePairs(await judgePreferences(this.device, this.rewardModel, heldOut, { batch }));
  }

  async evaluate(): Promise<Measured | null> {
    const found = await this.evaluation();
    if (!found) return null;
    const { loss, accuracy } = found;
    requireFinite(loss, 'validation loss');
    return { loss, metrics: { accuracy } };
  }

  async initialEvaluations(): Promise<Evaluation[]> {
    const found = await this.evaluate();
    return found ? [{ step: 0, ...found }] : [];
  }

  state(): Promise<Map<string, HostTensor>> {
    return this.#steps.state(this.rewardModel.namedTensors());
  }

  restore(checkpoint: Pick<Checkpoint, 'step' | 'tensors'>): void {
    this.#steps.restore(checkpoint, this.rewardModel.namedTensors());
  }

  /** Frees what only training needs, and gives the base back as it was; the reward model is not trained any more. */
  dispose(): void {
    this.#steps.dispose();
    for (const x of this.#frozen) x.requireGrad();
    for (const x of this.rewardModel.trained.values()) x.requireGrad(false);
  }
}

/** Both answers after the prompt, the chosen one first. */
const sequencesOf = ({ promptIds, chosen, rejected }: PreferenceTokens): number[][] => [
  [...promptIds, ...chosen],
  [...promptIds, ...rejected],
];

/**
 * What the reward model says of both answers; `batch` pairs per forward pass, default 64. Who is better is the same in any
 * scale; how sure it is, normalisation changes, and only the scale of the training tells: see `RewardResult.evaluation`.
 */
export async function judgePreferences(
  device: Device,
  rewardModel: RewardModel,
  preferences: readonly PreferenceTokens[],
  { batch = 64 }: { readonly batch?: number } = {},
): Promise<JudgedPair[]> {
  const sequences = preferences.flatMap(sequencesOf);
  const rewards = await scoreSequences(device, rewardModel, sequences, { batch: 2 * batch });
  return preferences.map(({ weight }, i) => ({
    chosen: rewards[2 * i]!,
    rejected: rewards[2 * i + 1]!,
    weight,
  }));
}

export interface ReferenceOptions {
  readonly count: number;
  readonly maxNewTokens: number;
  readonly ends: readonly number[];
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** Most prompts that are continued at once. */
const DRAWN_AT_ONCE = 64;

/** Prompts with answers that the speaker draws: the first `count` of the prompts, over and over where there are fewer. */
export async function drawReference(
  device: Device,
  { model, adapter }: Speaker,
  prompts: readonly (readonly number[])[],
  { count, maxNewTokens, ends, seed, signal }: ReferenceOptions,
): Promise<number[][]> {
  const asked = Array.from({ length: count }, (_, i) => prompts[i % prompts.length]!);
  const drawn: number[][] = [];
  setAdapter(model, adapter);
  try {
    for (let at = 0; at < count; at += DRAWN_AT_ONCE) {
      signal?.throwIfAborted();
      const some = asked.slice(at, at + DRAWN_AT_ONCE);
      const seeds = some.map((_, i) => seed + at + i);
      const found = await generate(device, model, some, { maxNewTokens, ends, seed: seeds });
      drawn.push(...found.map(({ newIds }, i) => [...some[i]!, ...newIds]));
    }
    return drawn;
  } finally {
    setAdapter(model, null);
  }
}
