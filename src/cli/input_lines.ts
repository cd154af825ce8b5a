// Lines that a person types, or that come through a pipe.

import { createInterface } from 'node:readline';
import { INTERRUPTED } from './interrupt.ts';

/**
 * Ends with the input (Ctrl-D), and at Ctrl-C while it waits for a person, who is asked with `prompt`, on stderr.
 * @param signal ends what comes through a pipe
 */
export async function* inputLines(prompt: string, signal?: AbortSignal): AsyncGenerator<string> {
  if (process.stdin.isTTY) return yield* typedLines(prompt);
  const crlfDelay = Number.POSITIVE_INFINITY;
  for await (const line of createInterface({ input: process.stdin, crlfDelay, signal })) {
    if (signal?.aborted) return; // of lines that are read already
    yield line;
  }
}

async function* typedLines(prompt: string): AsyncGenerator<string> {
  let history: string[] = [];
  for (;;) {
    const { lines, ended, before } = await typed(prompt, history);
    history = before;
    yield* lines;
    if (ended) return;
  }
}

/**
 * What is typed or pasted at once, one line as a rule. The reader lives only as long as the question: meanwhile the terminal
 * is raw, and Ctrl-C a character; afterwards it is a signal again, which can stop the reply.
 */
function typed(
  prompt: string,
  history: readonly string[],
): Promise<{ lines: string[]; ended: boolean; before: string[] }> {
  const reader = createInterface({
    input: process.stdin,
    output: process.stderr,
    prompt,
    history: [...history],
  });
  const lines: string[] = [];
  let before = [...history];
  reader.on('history', (entries) => (before = [...entries]));
  reader.on('SIGINT', () => {
    process.exitCode = INTERRUPTED;
    reader.close();
  });
  reader.prompt();
  return new Promise((resolve) => {
    reader.on('line', (line) => {
      if (lines.push(line) === 1) setImmediate(() => reader.close()); // after the other lines of a paste
    });
    reader.on('close', () => {
      const ended = lines.length === 0;
      if (ended) console.error();
      resolve({ lines, ended, before });
    });
  });
}
