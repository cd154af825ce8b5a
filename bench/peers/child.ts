// A process for one item: a peer that crashes or hangs takes nothing else down, and memory is counted from nothing.

import { items } from '../items/index.ts';
import { type ContestOptions, contest, type ItemResult } from './contest.ts';
import { openEnvironment } from './environment.ts';
import { jaxJs } from './jax.ts';
import { onnxruntime } from './onnxruntime.ts';
import type { Peer } from './peer.ts';
import { pytorch } from './pytorch.ts';
import { OURS, shadegrad } from './shadegrad.ts';
import { tfjs } from './tfjs.ts';
import { trainingInputs } from './training.ts';
import { webgpuTorch } from './webgpu_torch.ts';

/** What the parent says, once. */
export interface Task extends ContestOptions {
  readonly item: string;
  readonly version: string;
  /** Peers that are left out, and why. */
  readonly excluded: Readonly<Record<string, string>>;
  /** The only peers wanted; empty: all. */
  readonly peers: readonly string[];
}

/** What the parent is told: whose turn it is, and at the end the result, or why there is none. */
export type Report =
  | { readonly peer: string; readonly what: string }
  | { readonly result: ItemResult; readonly adapter: AdapterReport }
  | { readonly failed: string };

export interface AdapterReport {
  readonly name: string;
  readonly driver: string;
  readonly software: boolean;
}

const report = (message: Report) => process.send!(message);

process.once('message', (task: Task) => {
  run(task).then(
    () => process.exit(0),
    (error: unknown) => {
      report({ failed: error instanceof Error ? error.message : String(error) });
      process.exit(0);
    },
  );
});

async function run({ item: name, version, excluded, peers: only, ...options }: Task) {
  const item = items.find((candidate) => candidate.name === name)!;
  const { device, watch } = await openEnvironment();
  watch.enter(OURS);
  const ours = shadegrad(device, version);
  const all: Peer[] = [tfjs, jaxJs, onnxruntime, webgpuTorch, pytorch];
  const wanted = all.filter((peer) => only.length === 0 || only.includes(peer.name));
  const peers = wanted.map((peer) =>
    peer.name in excluded ? { ...peer, cannot: () => excluded[peer.name]! } : peer,
  );
  const inputs = item.op === 'Trainer.step' ? await trainingInputs(device, item) : item.inputs();
  try {
    const announce = (peer: string, what: string) => report({ peer, what });
    const result = await contest(item, inputs, [ours, ...peers], watch, options, announce);
    const { name: adapter, driver, software } = device.adapter;
    report({ result, adapter: { name: adapter, driver, software } });
  } finally {
    pytorch.close?.();
  }
}
