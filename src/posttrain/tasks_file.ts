// Tasks from a file: prompts to answer, one JSON object a line, with whatever else a reward looks at.

import { ConfigError, DataError } from '../errors.ts';
import { toPlain } from '../io/json.ts';
import { jsonLines } from '../text/jsonl.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Task } from './rewards.ts';

/**
 * Reads lines with a `prompt`; other keys are kept as they are.
 * @throws DataError, with the line's number, for a line that is broken or has no prompt
 */
export function readTasks(text: string, what: string): Task[] {
  return Array.from(jsonLines(text, what), ({ line, value }) => {
    const prompt = value.get('prompt');
    if (typeof prompt === 'string' && prompt !== '') return toPlain(value) as unknown as Task;
    throw new DataError(
      `${what}:${line}: prompt is ${prompt === '' ? 'empty' : 'missing or no text'}`,
    );
  });
}

/**
 * The longest prompt in tokens.
 * @throws ConfigError where there is none, DataError that names the first prompt that leaves no room for an answer
 */
export function longestPrompt(
  tasks: readonly Task[],
  tokenizer: Tokenizer,
  { context, maxNewTokens }: { readonly context: number; readonly maxNewTokens: number },
): number {
  if (tasks.length === 0) throw new ConfigError('there are no prompts');
  const lengths = tasks.map(({ prompt }) => tokenizer.encode(prompt).length);
  const most = lengths.reduce((a, b) => Math.max(a, b), 0);
  const room = context + 1 - maxNewTokens;
  if (most <= room) return most;
  const at = lengths.findIndex((length) => length > room);
  throw new DataError(
    `prompt ${at + 1} has ${lengths[at]} tokens, and maxNewTokens=${maxNewTokens} leaves room for ${Math.max(0, room)} of the model's context of ${context}; shorten it, or lower maxNewTokens`,
  );
}
