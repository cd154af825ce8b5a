// One item: all peers that can do it, checked against ours, and timed in interleaved rounds.

import type { HostArrays, Item, Results } from '../item.ts';
import type { Watch } from './environment.ts';
import type { Peer, PeerWork } from './peer.ts';
import { OURS } from './shadegrad.ts';

export interface ContestOptions {
  readonly commit: string;
  readonly rounds: number;
  /** A peer with slower calls is not timed in rounds. */
  readonly limitSeconds: number;
}

export interface Timed {
  readonly peer: string;
  readonly version: string;
  /** Median time of a call. */
  readonly milliseconds: number;
  /** Median over the rounds of (time of a call / time of our call in that round). */
  readonly ratio: number;
  /** Most bytes of GPU buffers at a time, inputs included; null for peers with a Dawn or memory of their own. */
  readonly peakBytes: number | null;
}

export interface ItemResult {
  readonly item: string;
  readonly family: string;
  /** Of our code: results of several runs are kept side by side. */
  readonly commit: string;
  readonly rounds: number;
  readonly ours: Timed;
  readonly peers: readonly Timed[];
  /** Why the others are missing. */
  readonly missing: Readonly<Record<string, string>>;
}

interface Contestant {
  readonly peer: Peer;
  readonly work: PeerWork;
  /** Made before `results` were read. */
  readonly calls: number;
  /** Of a call when warm. */
  readonly milliseconds: number;
  readonly results: Results;
}

/** A sample is long against the wait at its end (0.1 ms). */
const SAMPLE_MS = 100;
const MOST_CALLS = 200;
/** What all rounds of an item may take; there are at least three. */
const BUDGET_MS = 120_000;
const FEWEST_ROUNDS = 3;
/** Largest difference from our results, which float64 confirms, relative to the largest value of each. */
const TOLERANCE = 1e-3;

/** `announce` is told whose turn it is. The first peer must be ours. */
export async function contest(
  item: Item,
  inputs: HostArrays,
  peers: readonly Peer[],
  watch: Watch,
  { commit, rounds: wanted, limitSeconds }: ContestOptions,
  announce: (peer: string, what: string) => void,
): Promise<ItemResult> {
  const missing: Record<string, string> = {};
  const contestants: Contestant[] = [];
  for (const peer of peers) {
    const reason = peer.cannot(item);
    if (reason !== null) {
      missing[peer.name] = reason;
      continue;
    }
    announce(peer.name, 'starts');
    watch.enter(peer.name);
    try {
      const contestant = await warm(peer, item, inputs);
      const problem = wrong(item, contestant, contestants[0]);
      const seconds = contestant.milliseconds / 1000;
      if (problem) missing[peer.name] = `wrong: ${problem}${cause(watch, peer)}`;
      else if (peer.name !== OURS && seconds > limitSeconds) {
        const times = (contestant.milliseconds / contestants[0]!.milliseconds).toFixed(0);
        missing[peer.name] =
          `one call takes ${seconds.toFixed(0)} s, ${times} times ours (not interleaved)`;
      } else contestants.push(contestant);
    } catch (error) {
      missing[peer.name] = `${firstLine(error)}${cause(watch, peer)}`;
    }
    if (contestants.length === 0) throw new Error(`${item.name}: ${missing[OURS]}`);
  }

  const round = contestants.reduce((sum, c) => sum + Math.max(SAMPLE_MS, c.milliseconds), 0);
  const rounds = Math.max(FEWEST_ROUNDS, Math.min(wanted, Math.floor(BUDGET_MS / round)));
  const times = contestants.map((): number[] => []);
  for (let i = 0; i < rounds; i++) {
    for (const [k, contestant] of contestants.entries()) {
      announce(contestant.peer.name, `round ${i + 1} of ${rounds}`);
      watch.enter(contestant.peer.name);
      times[k]!.push(await timePerCall(contestant));
    }
  }

  const found = contestants.map(({ peer }, k): Timed => {
    const peak = watch.peak(peer.name);
    return {
      peer: peer.name,
      version: peer.version,
      milliseconds: median(times[k]!),
      ratio: median(times[k]!.map((time, i) => time / times[0]![i]!)),
      peakBytes: peak > 0 ? peak : null,
    };
  });
  const [ours, ...others] = found;
  return {
    item: item.name,
    family: item.family,
    commit,
    rounds,
    ours: ours!,
    peers: others,
    missing,
  };
}

/** The first call compiles; the second tells how long one takes. */
async function warm(peer: Peer, item: Item, inputs: HostArrays): Promise<Contestant> {
  await peer.open();
  const work = await peer.start(item, inputs);
  const [first] = await timed(work, 1);
  const [calls, time] = await timed(work, 1);
  const results = await work.results();
  return { peer, work, calls: first + calls, milliseconds: time / calls, results };
}

async function timePerCall({ work, milliseconds }: Contestant): Promise<number> {
  const wanted = Math.max(1, Math.min(MOST_CALLS, Math.round(SAMPLE_MS / milliseconds)));
  const [calls, time] = await timed(work, wanted);
  return time / calls;
}

/** How many calls were made, and the milliseconds that they took. */
async function timed(work: PeerWork, wanted: number): Promise<[number, number]> {
  const begin = performance.now();
  const calls = await work.sample(wanted);
  return [calls, performance.now() - begin];
}

/** What is wrong with the results of the first calls; null if nothing is. */
function wrong(
  item: Item,
  { results, calls }: Contestant,
  ours: Contestant | undefined,
): string | null {
  const compared = ours ? Object.keys(results).filter((name) => name in ours.results) : [];
  if (!ours || item.direction === 'step') {
    const { correct, problem } = item.check(item.inputs(), results, calls);
    if (!correct) return problem ?? 'not what float64 gives';
    return null;
  }
  if (compared.length === 0) return 'gives none of the results';
  for (const name of compared) {
    const problem = difference(name, results[name]!, ours.results[name]!);
    if (problem) return problem;
  }
  return null;
}

function difference(name: string, got: ArrayLike<number>, want: ArrayLike<number>): string | null {
  if (got.length !== want.length) return `${name} has ${got.length} values, not ${want.length}`;
  let scale = 0;
  for (let i = 0; i < want.length; i++) scale = Math.max(scale, Math.abs(want[i]!));
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i]! - want[i]!) <= TOLERANCE * scale))
      return `${name}[${i}] is ${got[i]}, not ${want[i]}`;
  }
  return null;
}

/** The GPU's error behind a problem, if there was one. */
function cause(watch: Watch, { name }: Peer): string {
  const error = watch.errors.get(name);
  return error ? ` (${error})` : '';
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.slice(0, 160);
}
