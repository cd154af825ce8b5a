// What a model's answers to held-out tasks are worth, at fixed seeds: the same before, during and after training.

import type { Device } from '../ops/device.ts';
import { type DrawnAnswer, drawAnswers, type TextCodec } from './answers.ts';
import { type Reward, type Scores, scoreAnswers, type Task } from './rewards.ts';
import type { Speaker } from './speaker.ts';

export interface HeldOut<T extends Task> {
  readonly tasks: readonly T[];
  /** By name; none of them need be what is optimised. */
  readonly rewards: readonly Reward<T>[];
  readonly maxNewTokens: number;
  readonly ends: readonly number[];
  /** Default 1. */
  readonly temperature?: number;
  /** Of the first answer; the next has one more. Default 0. */
  readonly seed?: number;
  /** Answers at a time. Default 128. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

export interface Evaluated<T extends Task> {
  readonly answers: readonly DrawnAnswer<T>[];
  /** By the reward's name. */
  readonly scores: Scores['parts'];
}

const BATCH = 128;

/** @throws DataError where a reward fails; signal's reason when it is stopped. */
export async function evaluateAnswers<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  { tasks, rewards, batch = BATCH, seed = 0, signal, ...drawing }: HeldOut<T>,
): Promise<Evaluated<T>> {
  const answers: DrawnAnswer<T>[] = [];
  for (let at = 0; at < tasks.length; at += batch) {
    signal?.throwIfAborted();
    const some = tasks.slice(at, at + batch);
    const seeds = some.map((_, i) => seed + at + i);
    answers.push(...(await drawAnswers(device, speaker, codec, some, { ...drawing, seeds })));
  }
  return { answers, scores: (await scoreAnswers(rewards, answers)).parts };
}
