// Reward models (Ziegler et al. 2019; Stiennon et al. 2020): a language model with a scalar head that reads a prompt with an
// answer and says what it is worth, at the last token.
//
//   r = gain (w · h_last) + bias        P(A ≻ B) = σ(r_A - r_B)
// The gain and the bias are not trained: they are set so that answers of the reference have mean 0 and variance 1.

import { DataError } from '../errors.ts';
import type { ForwardOptions } from '../llm/transformer.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { Linear, withAdapter } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { add, mul } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Speaker, speakersTensors } from './speaker.ts';

export interface RewardModelOptions {
  /** Of the head. */
  readonly seed?: number;
  /** Standard deviation of the head at first. Default 1 / √(C + 1), as lm-human-preferences; 0: all rewards are equal. */
  readonly headStd?: number;
}

/** Its tensors are what is its own: the head, gain and bias, and the adapter, or all of a model without one. */
export class RewardModel extends Module {
  readonly head: Linear;
  /** [1] each, not trained. */
  readonly gain: Tensor;
  readonly bias: Tensor;
  /** What training changes: the head, and of the trunk what was trainable when this was made. */
  readonly trained: ReadonlyMap<string, Tensor>;

  constructor(
    device: Device,
    readonly speaker: Speaker,
    { seed = 0, headStd }: RewardModelOptions = {},
  ) {
    super();
    const { width } = speaker.model.config;
    const init = new Initialiser(device, seed);
    this.head = new Linear(init, width, 1, { std: headStd ?? 1 / Math.sqrt(width + 1) });
    this.gain = init.constant([1], 1).requireGrad(false);
    this.bias = init.constant([1], 0).requireGrad(false);
    this.trained = this.namedParameters();
  }

  override namedTensors(prefix = ''): Map<string, Tensor> {
    const { head, gain, bias, speaker } = this;
    const own = [...head.namedTensors('head.'), ['gain', gain], ['bias', bias]] as const;
    const trunk = [...speakersTensors(speaker)].map(([name, x]) => [`model.${name}`, x] as const);
    return new Map([...own, ...trunk].map(([name, x]) => [prefix + name, x as Tensor]));
  }

  /**
   * @param ids [B, T] i32
   * @param last [B] i32: where the last token of each row stands in the B T tokens.
   * @param seen what rows that are padded at their beginning need to be read alike, [B, T] each.
   * @returns [B]
   */
  forward(
    ids: Tensor,
    last: Tensor,
    seen: Pick<ForwardOptions, 'keyMask' | 'positions'> = {},
  ): Tensor {
    const { model, adapter } = this.speaker;
    const hidden = withAdapter(model, adapter, () => model.hidden(ids, seen));
    const rows = reshape(hidden, [ids.size, model.config.width]);
    const raw = reshape(this.head.forward(embedding(rows, last)), [ids.shape[0]!]);
    return add(mul(raw, this.gain), this.bias);
  }

  /** Frees all but the trunk, which others may share. */
  override dispose(): void {
    for (const x of [...this.head.namedTensors().values(), this.gain, this.bias]) x.dispose();
  }
}

export interface ScoreOptions {
  /** Rows per forward pass. Default: all. */
  readonly batch?: number;
  /** Where shorter rows are padded; the rewards are the same. Default 'right', which costs nothing. */
  readonly padding?: 'left' | 'right';
}

/** Lengths are rounded up to a multiple of it, so that few shapes occur. */
const ROUNDED = 16;

/**
 * The reward of each sequence of tokens, a prompt with its answer.
 * @throws DataError for one that is empty or longer than the model's context.
 */
export async function scoreSequences(
  device: Device,
  rewardModel: RewardModel,
  sequences: readonly (readonly number[])[],
  { batch = sequences.length, padding = 'right' }: ScoreOptions = {},
): Promise<number[]> {
  const { context } = rewardModel.speaker.model.config;
  const longest = sequences.reduce((most, { length }) => Math.max(most, length), 0);
  if (longest > context || sequences.some(({ length }) => length === 0)) {
    throw new DataError(
      `a reward model of a context of ${context} reads 1 to ${context} tokens, and was given ${longest > context ? longest : 0}`,
    );
  }
  const length = Math.min(context, Math.ceil(longest / ROUNDED) * ROUNDED);
  const rewards: number[] = [];
  for (let begin = 0; begin < sequences.length; begin += batch) {
    const rows = tokenRows(sequences.slice(begin, begin + batch), length, padding);
    const B = rows.last.length;
    const values = device.scope(() =>
      noGrad(() => {
        const tensor = (x: Int32Array) => device.tensor(x, { shape: [B, length] });
        const seen =
          padding === 'left'
            ? { keyMask: tensor(rows.keyMask), positions: tensor(rows.positions) }
            : {};
        return rewardModel.forward(tensor(rows.ids), device.tensor(rows.last), seen);
      }),
    );
    rewards.push(...(await values.data()));
    values.dispose();
  }
  return rewards;
}

/** Mean and standard deviation, of n. */
export function spread(values: readonly number[]): {
  readonly mean: number;
  readonly deviation: number;
} {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

/** Sequences in rows [B, T]. */
export function tokenRows(
  sequences: readonly (readonly number[])[],
  length: number,
  padding: 'left' | 'right' = 'right',
) {
  const part = () => new Int32Array(sequences.length * length);
  const rows = { ids: part(), keyMask: part(), positions: part() };
  const last = Int32Array.from(sequences, (ids, row) => {
    const begin = row * length + (padding === 'left' ? length - ids.length : 0);
    rows.ids.set(ids, begin);
    rows.keyMask.fill(1, begin, begin + ids.length);
    rows.positions.set(Int32Array.from(ids.keys()), begin);
    return begin + ids.length - 1;
  });
  return { ...rows, last };
}

/**
 * Sets gain and bias so that the rewards of these sequences, answers that the reference has drawn, have mean 0 and variance 1.
 * @throws DataError where they are all equal.
 */
export async function normaliseRewards(
  device: Device,
  rewardModel: RewardModel,
  sequences: readonly (readonly number[])[],
  options: ScoreOptions = {},
): Promise<{ readonly gain: number; readonly bias: number }> {
  rewardModel.gain.write([1]);
  rewardModel.bias.write([0]);
  const rewards = await scoreSequences(device, rewardModel, sequences, options);
  const { mean, deviation } = spread(rewards);
  if (!(deviation > 0)) {
    throw new DataError(
      `the reward model gives ${mean} to all ${rewards.length} answers of the reference: there is no scale to normalise`,
    );
  }
  const gain = 1 / deviation;
  const bias = -mean * gain;
  rewardModel.gain.write([gain]);
  rewardModel.bias.write([bias]);
  return { gain, bias };
}
