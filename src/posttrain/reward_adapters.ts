// What a policy is paid instead of the score itself: a learned reward, or any reward cut off, put on another scale, or
// compared with the others of its batch.

import { ConfigError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { type RewardModel, type ScoreOptions, scoreSequences, spread } from './reward_model.ts';
import { type Reward, scoreAnswers, type Task } from './rewards.ts';

export interface RewardModelRewardOptions extends Pick<ScoreOptions, 'batch'> {
  /** Default 'model'. */
  readonly name?: string;
  readonly weight?: number;
}

/** What the reward model says of an answer's tokens, its end included. The model's adapter is selected only meanwhile. */
export function rewardModelReward(
  device: Device,
  rewardModel: RewardModel,
  { name = 'model', weight = 1, batch }: RewardModelRewardOptions = {},
): Reward {
  return {
    name,
    weight,
    score: (answers) => {
      const sequences = answers.map(({ promptIds, ids }) => [...promptIds, ...ids]);
      return scoreSequences(device, rewardModel, sequences, { ...(batch && { batch }) });
    },
  };
}

/** min(max(r, least), most). @throws ConfigError for bounds in the wrong order. */
export function clippedReward<T extends Task>(
  reward: Reward<T>,
  { least, most }: { readonly least: number; readonly most: number },
): Reward<T> {
  if (!(least < most))
    throw new ConfigError(`clippedReward: ${least} to ${most} is no range; give least below most`);
  return mapped(reward, (scores) => scores.map((r) => Math.min(most, Math.max(least, r))));
}

/**
 * (r - mean) / deviation, by figures that were measured before, such as on answers of the reference.
 * @throws ConfigError unless the deviation is above 0.
 */
export function normalisedReward<T extends Task>(
  reward: Reward<T>,
  { mean, deviation }: { readonly mean: number; readonly deviation: number },
): Reward<T> {
  if (!(deviation > 0))
    throw new ConfigError(`normalisedReward: the deviation is ${deviation}, expected above 0`);
  return mapped(reward, (scores) => scores.map((r) => (r - mean) / deviation));
}

/** (r - mean) / deviation of the batch that is scored; 0 where all are equal. */
export function whitenedReward<T extends Task>(reward: Reward<T>): Reward<T> {
  return mapped(reward, (scores) => {
    const { mean, deviation } = spread(scores);
    return scores.map((r) => (deviation > 0 ? (r - mean) / deviation : 0));
  });
}

/** The reward of the same name and weight whose scores are others. What is no number is told before it can spread. */
function mapped<T extends Task>(
  reward: Reward<T>,
  of: (scores: readonly number[]) => readonly number[],
): Reward<T> {
  const score: Reward<T>['score'] = async (answers) => {
    const { parts } = await scoreAnswers([reward], answers);
    return of(parts[reward.name]!);
  };
  return { ...reward, score };
}
