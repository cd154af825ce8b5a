// PyTorch on the CPU: what the machine itself can do. A Python process does the items; it is asked by lines of JSON.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostArrays } from '../item.ts';
import { converse, findPyTorch, type PythonSession } from '../python.ts';
import { type Peer, wantedGradients } from './peer.ts';
import script from './pytorch.py' with { type: 'text' };

const OPS = new Set([
  ...['matmul', 'softmax', 'logSoftmax', 'layerNorm', 'rmsNorm', 'crossEntropy', 'attention'],
  ...['embedding', 'AdamW', 'gae', 'ppoLoss', 'Trainer.step', 'generate'],
]);

let session: (PythonSession & { readonly folder: string }) | null = null;
let version = '';

export const pytorch: Peer = {
  name: 'PyTorch CPU',
  get version() {
    return version;
  },
  cannot: ({ op }) => (OPS.has(op) ? null : `no composition of ${op}`),

  async open() {
    const python = findPyTorch();
    version = python.version;
    const folder = mkdtempSync(join(tmpdir(), 'shadegrad-peers-'));
    session = { ...converse(python.command, script), folder };
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
    session?.close();
    if (session) rmSync(session.folder, { recursive: true, force: true });
  },
};

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
