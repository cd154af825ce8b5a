// A reasoning buffer: what a model writes between two special tokens before its answer, for itself. It has a budget of tokens. After
// that the closing token is put in its place, and with `extend` a thought that closes early is made to go on (budget forcing,
// Muennighoff et al. 2025). Tokens that are put in are read, and never learned from.
//
//   prompt <think> t_1 … t_n </think> answer        n <= budget

import { ConfigError } from '../errors.ts';
import { type Generated, generate } from '../llm/generate.ts';
import type { Device } from '../ops/device.ts';
import type { Segment } from '../text/chat_template.ts';
import { visibleText } from '../text/visible.ts';
import type { AnswerDrawer, DrawnAnswer, DrawOptions, TextCodec } from './answers.ts';
import type { Task } from './rewards.ts';
import { type Speaker, speakingAs } from './speaker.ts';

/** The texts of the special tokens. */
export const THINK = { open: '<think>', close: '</think>' };

export interface ReasoningOptions {
  /** The ids of the special tokens. */
  readonly open: number;
  readonly close: number;
  /** Most tokens between them. */
  readonly budget: number;
  /** Most tokens of the answer after them, its end included. */
  readonly answerTokens: number;
  /** Most tokens of a prompt. */
  readonly promptTokens: number;
  /** Positions of the model. */
  readonly context: number;
  /** What is put in the place of an early close, and how often. Default: it stays. */
  readonly extend?: { readonly times: number; readonly tokens: readonly number[] };
}

export interface ReasonedAnswer<T extends Task> extends DrawnAnswer<T> {
  /** The tokens between the special ones. Its `text` is what comes after them, as a user sees it. */
  readonly thought: readonly number[];
}

/** What a `TextProblem` and its settings take of it. */
export interface Reasoning {
  readonly draw: AnswerDrawer;
  /** With the opening token. */
  readonly promptTokens: number;
  /** Of thought, close and answer. */
  readonly maxNewTokens: number;
}

/** @throws ConfigError for a budget that does not fit the context, with the one that does. */
export function reasoning(options: ReasoningOptions): Reasoning {
  const { budget, answerTokens, promptTokens, context, extend } = options;
  if (!Number.isInteger(budget) || budget < 0)
    throw new ConfigError(`reasoning: the budget is ${budget}, expected a whole number from 0 on`);
  if (extend && (extend.tokens.length === 0 || extend.tokens.includes(options.close)))
    throw new ConfigError('reasoning: extend needs tokens that do not close the thought');
  // Both special tokens are read, the last of the answer is not.
  const most = context - promptTokens - answerTokens - 1;
  if (budget > most)
    throw new ConfigError(
      `reasoning: a budget of ${budget} tokens, with prompts of up to ${promptTokens} and answers of ${answerTokens}, is longer than the model's context of ${context}; ${most < 0 ? 'shorten them' : `at most ${most} fit`}, or take a model with a longer context`,
    );
  const maxNewTokens = budget + 1 + answerTokens;
  const draw: AnswerDrawer = (device, speaker, codec, tasks, drawing) =>
    drawReasoned(device, speaker, codec, tasks, drawing, options);
  return { draw, promptTokens: promptTokens + 1, maxNewTokens };
}

/** A row while it grows. */
interface Row {
  readonly prompt: readonly number[];
  readonly seed: number;
  readonly ids: number[];
  readonly logProbs: number[];
  readonly given: boolean[];
}

/** Seeds of a row's draws are so far apart: each has random numbers of its own. */
const APART = 2 ** 31;

async function drawReasoned<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  tasks: readonly T[],
  { temperature = 1, ends, seeds, signal }: DrawOptions,
  { open, close, budget, answerTokens, context, extend }: ReasoningOptions,
): Promise<ReasonedAnswer<T>[]> {
  const rows = tasks.map(({ prompt }, i): Row => {
    const ids = [...Array.from(codec.encode(prompt)), open];
    return { prompt: ids, seed: seeds[i]!, ids: [], logProbs: [], given: [] };
  });
  const goOn = async (
    some: readonly Row[],
    phase: number,
    maxNewTokens: number,
    until: readonly number[],
  ) => {
    signal?.throwIfAborted();
    const prompts = some.map(({ prompt, ids }) => [...prompt, ...ids]);
    const seed = some.map((row) => row.seed + phase * APART);
    const options = { maxNewTokens, temperature, ends: until, seed };
    return speakingAs(speaker, () =>
      generate(device, speaker.model, prompts, { ...options, ...(signal && { signal }) }),
    );
  };
  /** Rows for which the longest of the others has too far to go in the context are drawn by themselves. */
  const think = async (some: readonly Row[], phase: number): Promise<void> => {
    const going = some.filter(({ ids }) => ids.length < budget);
    if (going.length === 0) return;
    const most = Math.max(...going.map(({ ids }) => budget - ids.length));
    const fits = ({ prompt, ids }: Row) => prompt.length + ids.length + most <= context + 1;
    const now = going.filter(fits);
    const later = going.filter((row) => !fits(row));
    const drawn = await goOn(now, phase, most, [close]);
    for (const [i, row] of now.entries()) take(row, drawn[i]!, budget);
    await think(later, phase);
  };
  const closed = ({ ids }: Row) => ids.at(-1) === close;
  const { times, tokens } = extend ?? { times: 0, tokens: [] };
  let thinking: readonly Row[] = rows;
  for (let phase = 0; ; phase++) {
    await think(thinking, phase);
    if (phase === times) break;
    const early = (row: Row) => closed(row) && row.ids.length - 1 + tokens.length < budget;
    thinking = thinking.filter(early);
    for (const row of thinking) replaceEnd(row, tokens);
  }
  for (const row of rows) if (!closed(row)) put(row, [close]);
  const thoughts = rows.map(({ ids }) => ids.slice(0, -1));
  const answers = await goOn(rows, times + 1, answerTokens, ends);
  return rows.map((row, i) => {
    const { newIds, finishReason } = answers[i]!;
    take(row, answers[i]!);
    const { prompt: promptIds, ids, logProbs, given } = row;
    const finished = finishReason === 'end';
    const written = codec.decode(finished ? newIds.slice(0, -1) : newIds);
    const text = visibleText(written, THINK);
    const thought = thoughts[i]!;
    return { task: tasks[i]!, text, promptIds, ids, logProbs, given, finished, thought };
  });
}

/** Adds what was drawn, as far as the row then has at most so many tokens. */
function take(
  { ids, logProbs, given }: Row,
  drawn: Generated,
  most = Number.POSITIVE_INFINITY,
): void {
  const count = Math.min(drawn.newIds.length, most - ids.length);
  ids.push(...drawn.newIds.slice(0, count));
  logProbs.push(...drawn.logProbs.slice(0, count));
  given.push(...drawn.newIds.slice(0, count).map(() => false));
}

/** Adds tokens that are not drawn. */
function put({ ids, logProbs, given }: Row, tokens: readonly number[]): void {
  for (const id of tokens) {
    ids.push(id);
    logProbs.push(0);
    given.push(true);
  }
}

function replaceEnd(row: Row, tokens: readonly number[]): void {
  for (const list of [row.ids, row.logProbs, row.given]) list.pop();
  put(row, tokens);
}

/** What a model learns to write after the prompt: a thought in its tags, and an answer up to the template's end. */
export function thoughtSegments(
  {
    prompt,
    thought,
    answer,
  }: { readonly prompt: string; readonly thought: string; readonly answer: string },
  end: string,
): Segment[] {
  const data = (text: string, counted: boolean): Segment => ({ text, counted, mark: false });
  const mark = (text: string, counted: boolean): Segment => ({ text, counted, mark: true });
  return [
    data(prompt, false),
    mark(THINK.open, false),
    data(thought, true),
    mark(THINK.close, true),
    data(answer, true),
    mark(end, true),
  ];
}
