// What a model's answers to held-out tasks are worth, at fixed seeds: the same before, during and after training.

import type { Device } from '../ops/device.ts';
import {
  type DrawInPartsOptions,
  type DrawnAnswer,
  drawInParts,
  type TextCodec,
} from './answers.ts';
import { type Reward, type Scores, scoreAnswers, type Task } from './rewards.ts';
import type { Speaker } from './speaker.ts';

export interface HeldOut<T extends Task> extends DrawInPartsOptions {
  readonly tasks: readonly T[];
  /** By name; none of them need be what is optimised. */
  readonly rewards: readonly Reward<T>[];
}

export interface Evaluated<T extends Task> {
  readonly answers: readonly DrawnAnswer<T>[];
  /** By the reward's name. */
  readonly scores: Scores['parts'];
}

/** @throws DataError where a reward fails; signal's reason when it is stopped. */
export async function evaluateAnswers<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  { tasks, rewards, ...drawing }: HeldOut<T>,
): Promise<Evaluated<T>> {
  const answers = await drawInParts(device, speaker, codec, tasks, drawing);
  return { answers, scores: (await scoreAnswers(rewards, answers)).parts };
}
