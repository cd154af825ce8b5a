// The results as a table, and beneath it why a peer is missing from an item.

import type { AdapterReport } from './child.ts';
import type { ItemResult, Timed } from './contest.ts';

/** The CPU's yardstick runs beside the adapter, not on it: it is shown, and no goal. */
const YARDSTICK = 'PyTorch CPU';

/** Peer time / our time to reach, by family (issue "Speed"). */
const GOALS: Readonly<Record<string, number>> = {
  matmul: 4,
  softmax: 3,
  norm: 3,
  'cross-entropy': 4,
  attention: 4,
  embedding: 4,
  adamw: 4,
  gae: 5,
  ppo: 5,
  training: 4,
  generate: 5,
};
const SWIFTSHADER_GOAL = 2;

/** Our fastest rival on the adapter; undefined if there is none. */
export function bestPeer({ peers }: ItemResult): Timed | undefined {
  const rivals = peers.filter(({ peer }) => peer !== YARDSTICK);
  return rivals.sort((a, b) => a.ratio - b.ratio)[0];
}

export function table(results: readonly ItemResult[], adapter: AdapterReport): string {
  const names = [...new Set(results.flatMap(({ peers }) => peers.map(({ peer }) => peer)))];
  const goalOf = ({ family }: ItemResult) =>
    adapter.name.includes('SwiftShader') ? SWIFTSHADER_GOAL : GOALS[family];
  const rows = results.map((result) => {
    const best = bestPeer(result);
    return [
      result.item,
      duration(result.ours.milliseconds),
      best ? best.peer : 'none',
      best ? times(best.ratio) : '',
      `${goalOf(result)}x`,
      ...names.map((name) => {
        const timed = result.peers.find(({ peer }) => peer === name);
        return timed ? times(timed.ratio) : '-';
      }),
      ...(bytesOf(result) ?? ['', '']),
    ];
  });
  const head = ['item', 'ours', 'best peer', 'ratio', 'goal', ...names, 'our peak', 'its peak'];
  const software = adapter.software ? ', a software adapter' : '';
  return [
    `${adapter.name} (${adapter.driver})${software}. Peer time / our time; above 1 we are faster.`,
    '',
    markdown([head, ...rows]),
    '',
    ...results.flatMap(({ item, missing }) =>
      Object.entries(missing).map(([peer, reason]) => `${item}: ${peer}: ${reason}`),
    ),
  ].join('\n');
}

/** Peak memory, ours and the least of the peers', where it is what an item is about. */
function bytesOf({ family, ours, peers }: ItemResult): [string, string] | null {
  const others = peers.flatMap(({ peakBytes }) => peakBytes ?? []);
  if (family !== 'attention' || !ours.peakBytes || others.length === 0) return null;
  return [megabytes(ours.peakBytes), megabytes(Math.min(...others))];
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const times = (ratio: number) => `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;
const duration = (ms: number) => (ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`);

function markdown(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, k) => Math.max(...rows.map((row) => row[k]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, k) => cell.padEnd(widths[k]!)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [rows[0]!, rule, ...rows.slice(1)].map(line).join('\n');
}
