// Single keys that a person presses, without Enter.

import { inputLines } from './input_lines.ts';

const [CTRL_C, CTRL_D] = ['\x03', '\x04'];

/** Ends at Ctrl-C and Ctrl-D. Of a pipe, the first letter of each line, until it ends. */
export async function* pressedKeys(): AsyncGenerator<string> {
  const { stdin } = process;
  if (!stdin.isTTY) {
    for await (const line of inputLines('')) yield line.trim()[0] ?? '';
    return;
  }
  stdin.setRawMode(true);
  try {
    for await (const typed of stdin) {
      for (const key of String(typed)) {
        if (key === CTRL_C || key === CTRL_D) return;
        yield key;
      }
    }
  } finally {
    stdin.setRawMode(false);
  }
}
