// A Python process with PyTorch that is asked by lines of JSON, and answers each with one.

import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The machine's own Python too: a user's often hides it. */
const PYTHONS = ['python3', '/usr/bin/python3', 'python'];

export interface PythonSession {
  /** @throws with the last line of what Python complained of, where it ended */
  ask(question: object): Promise<Record<string, unknown>>;
  close(): void;
}

/** @throws where no Python of this machine has torch */
export function findPyTorch(): { readonly command: string; readonly version: string } {
  for (const command of PYTHONS) {
    const { status, stdout } = spawnSync(command, ['-c', 'import torch; print(torch.__version__)']);
    if (status === 0) return { command, version: String(stdout).trim() };
  }
  throw new Error('no python3 with torch on this machine');
}

/** Starts a script. */
export function converse(command: string, script: string): PythonSession {
  const process = spawn(command, ['-c', script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  process.stderr.on('data', (text) => {
    complaints += text;
  });
  const answers = createInterface(process.stdout)[Symbol.asyncIterator]();
  return {
    async ask(question) {
      process.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(complaints.trim().split('\n').at(-1) ?? 'Python ended');
      return JSON.parse(value);
    },
    close: () => void process.kill(),
  };
}
