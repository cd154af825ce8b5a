// Drawing answers, and laying them out in rows as a model reads them.

import { generate } from '../llm/generate.ts';
import type { Device } from '../ops/device.ts';
import type { Answer, Task } from './rewards.ts';
import { type Speaker, speakingAs } from './speaker.ts';

/** How texts become tokens and back; a tokenizer is one. */
export interface TextCodec {
  encode(text: string): ArrayLike<number>;
  decode(ids: ArrayLike<number>): string;
}

export interface DrawOptions {
  readonly maxNewTokens: number;
  /** Default 1; 0 takes the likeliest tokens. */
  readonly temperature?: number;
  /** Tokens that end an answer. */
  readonly ends: readonly number[];
  /** One per task. */
  readonly seeds: readonly number[];
  readonly signal?: AbortSignal;
}

export interface DrawnAnswer<T extends Task> extends Answer<T> {
  /** log π of each of `ids`, under softmax(logits / temperature): what was drawn from. */
  readonly logProbs: readonly number[];
  /** Which of `ids` were put in and not drawn: they are read, and do not count. Default: none. */
  readonly given?: readonly boolean[];
}

/** How answers are drawn: one to each task, all in one batch. */
export type AnswerDrawer = <T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  tasks: readonly T[],
  options: DrawOptions,
) => Promise<DrawnAnswer<T>[]>;

/** As the model goes on after the prompts. */
export async function drawAnswers<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  tasks: readonly T[],
  { maxNewTokens, temperature = 1, ends, seeds, signal }: DrawOptions,
): Promise<DrawnAnswer<T>[]> {
  const prompts = tasks.map(({ prompt }) => Array.from(codec.encode(prompt)));
  const options = { maxNewTokens, temperature, ends, seed: seeds };
  const drawn = await speakingAs(speaker, () =>
    generate(device, speaker.model, prompts, { ...options, ...(signal && { signal }) }),
  );
  return drawn.map(({ newIds, logProbs, finishReason }, i) => {
    const finished = finishReason === 'end';
    return {
      task: tasks[i]!,
      text: codec.decode(finished ? newIds.slice(0, -1) : newIds),
      promptIds: prompts[i]!,
      ids: newIds,
      logProbs,
      finished,
    };
  });
}

export interface DrawInPartsOptions extends Omit<DrawOptions, 'seeds'> {
  /** Of the first answer; the next has one more. Default 0. */
  readonly seed?: number;
  /** Answers at a time. Default 128. */
  readonly batch?: number;
  /** Default `drawAnswers`. */
  readonly draw?: AnswerDrawer;
}

const BATCH = 128;

/** One answer to each task, so many at a time. @throws signal's reason when it is stopped. */
export async function drawInParts<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  tasks: readonly T[],
  { seed = 0, batch = BATCH, draw = drawAnswers, ...drawing }: DrawInPartsOptions,
): Promise<DrawnAnswer<T>[]> {
  const answers: DrawnAnswer<T>[] = [];
  for (let at = 0; at < tasks.length; at += batch) {
    const some = tasks.slice(at, at + batch);
    const seeds = some.map((_, i) => seed + at + i);
    answers.push(...(await draw(device, speaker, codec, some, { ...drawing, seeds })));
    drawing.signal?.throwIfAborted();
  }
  return answers;
}

/** Answers after their prompts: [rows, length] each, from the left, with padding that counts nowhere. */
export interface AnswerRows {
  /** What the model reads: all tokens but the last. */
  readonly ids: Int32Array;
  /** The token after each. */
  readonly targets: Int32Array;
  /** 1 where the target is the answer's, and was drawn. */
  readonly mask: Float32Array;
}

/** Positions that an answer takes with its prompt. */
export const positionsOf = ({ promptIds, ids }: Pick<Answer, 'promptIds' | 'ids'>): number =>
  promptIds.length + ids.length - 1;

export function answerRows(
  answers: readonly Pick<DrawnAnswer<Task>, 'promptIds' | 'ids' | 'given'>[],
  length: number,
): AnswerRows {
  const size = answers.length * length;
  const rows = {
    ids: new Int32Array(size),
    targets: new Int32Array(size),
    mask: new Float32Array(size),
  };
  for (const [row, { promptIds, ids, given }] of answers.entries()) {
    const all = [...promptIds, ...ids];
    rows.ids.set(all.slice(0, -1), row * length);
    rows.targets.set(all.slice(1), row * length);
    const first = row * length + promptIds.length - 1;
    rows.mask.set(
      ids.map((_, t) => (given?.[t] ? 0 : 1)),
      first,
    );
  }
  return rows;
}

/** A value per token of the answers, where their targets stand in the rows; 0 elsewhere. */
export function perToken(
  answers: readonly Pick<Answer, 'promptIds'>[],
  length: number,
  values: (row: number) => ArrayLike<number>,
): Float32Array {
  const rows = new Float32Array(answers.length * length);
  for (const [row, { promptIds }] of answers.entries())
    rows.set(values(row), row * length + promptIds.length - 1);
  return rows;
}
