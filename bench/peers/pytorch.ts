// PyTorch on the CPU: what the machine itself can do. A Python process does the items; it is asked by lines of JSON.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HostArrays } from '../item.ts';
import { type Peer, wantedGradients } from './peer.ts';
import script from './pytorch.py' with { type: 'text' };

/** The machine's own Python too: a user's often hides it. */
const PYTHONS = ['python3', '/usr/bin/python3', 'python'];
const OPS = new Set([
  ...['matmul', 'softmax', 'logSoftmax', 'layerNorm', 'rmsNorm', 'crossEntropy', 'attention'],
  ...['embedding', 'AdamW', 'gae', 'ppoLoss', 'Trainer.step', 'generate'],
]);

interface Session {
  ask(question: object): Promise<Record<string, unknown>>;
  readonly process: ChildProcess;
  readonly folder: string;
}

let session: Session | null = null;
let version = '';

export const pytorch: Peer = {
  name: 'PyTorch CPU',
  get version() {
    return version;
  },
  cannot: ({ op }) => (OPS.has(op) ? null : `no composition of ${op}`),

  async open() {
    session = converse(findPython());
  },

  async start(item, inputs) {
    const { ask, folder } = session!;
    const { op, shape, options } = item;
    const arrays = writeArrays(folder, inputs);
    await ask({ start: { op, shape, options, wanted: wantedGradients(item), arrays } });
    return {
      async sample(calls) {
        await ask({ sample: calls });
        return calls;
      },
      async results() {
        const names = (await ask({ results: folder })).results as string[];
        const read = (name: string) => {
          const { buffer, byteOffset, byteLength } = readFileSync(join(folder, `${name}.out`));
          return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
        };
        return Object.fromEntries(names.map((name) => [name, read(name)] as const));
      },
    };
  },

  close() {
    session?.process.kill();
    if (session) rmSync(session.folder, { recursive: true, force: true });
  },
};

function findPython(): string {
  for (const python of PYTHONS) {
    const { status, stdout } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)']);
    if (status !== 0) continue;
    version = String(stdout).trim();
    return python;
  }
  throw new Error('no python3 with torch on this machine');
}

function converse(python: string): Session {
  const process = spawn(python, ['-c', script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  process.stderr.on('data', (text) => {
    complaints += text;
  });
  const answers = createInterface(process.stdout)[Symbol.asyncIterator]();
  return {
    process,
    folder: mkdtempSync(join(tmpdir(), 'shadegrad-peers-')),
    async ask(question) {
      process.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(complaints.trim().split('\n').at(-1) ?? 'Python ended');
      return JSON.parse(value);
    },
  };
}

/** Arrays are too large for JSON: they go through files. */
function writeArrays(folder: string, inputs: HostArrays) {
  const parts = join(folder, 'inputs');
  mkdirSync(parts, { recursive: true });
  return Object.entries(inputs).map(([name, { data, shape, dtype }]) => {
    const path = join(parts, name);
    writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { name, path, shape, dtype };
  });
}
