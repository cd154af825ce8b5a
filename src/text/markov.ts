// Text whose truth a model has in view: a chain in which the last two characters decide on the next.
//
//   p(x | b a) ∝ x^-zipf exp(near(a, x) + far(b, x))                  b a the last two characters, x = 1 ... V
//   near(a, x) = size Σ_k k^-decay u_k(a) v_k(x) / sqrt(Σ_k k^-2decay)      u, v standard normal; far likewise
//
// Both tables have a spectrum that falls as a power of k: a model of width d finds about d of the components, and what
// it misses falls as a power of d. The entropies are exact, by the stationary distribution π of pairs:
//
//   h2 = H(x | b a) = Σ π(b a) H(p(. | b a))       h1 = H(x | a) = Σ π(a) H(Σ_b π(b | a) p(. | b a))

import { ConfigError } from '../errors.ts';
import { type RandomStream, randomStream } from '../tensor/philox.ts';

export interface MarkovOptions {
  /** Of the tables; texts have a seed of their own. */
  readonly seed: number;
  /** V, from 2 to 256. */
  readonly symbols: number;
  /** Standard deviation of near and far: how much the last character decides, and the one before it. */
  readonly near: number;
  readonly far: number;
  readonly decay: number;
  readonly zipf: number;
}

export interface MarkovChain {
  readonly symbols: number;
  /** p(x | b a), [V, V, V]. */
  readonly transitions: Float64Array;
  /** π(b a), [V, V]. */
  readonly pairs: Float64Array;
  /** h1 and h2, in nats: the entropy of a character after one and after two. */
  readonly entropyAfterOne: number;
  readonly entropyAfterTwo: number;
}

const TABLES = 0x6d61726b; // 'mark': the draws of a seed that belong to the tables
const TEXT = 0x74657874; // 'text': those that belong to texts
const MOST_SYMBOLS = 256;
const FIRST_LETTER = 0x100; // Latin Extended: letters all the way

/** @throws ConfigError for a number of symbols that there are no letters for. */
export function markovChain(options: MarkovOptions): MarkovChain {
  const { seed, symbols: V, near, far, zipf } = options;
  if (!(Number.isInteger(V) && V >= 2 && V <= MOST_SYMBOLS)) {
    throw new ConfigError(`markov: symbols is ${V}; expected 2 to ${MOST_SYMBOLS}`);
  }
  const random = randomStream(seed, TABLES);
  const [nearTable, farTable] = [table(options, near, random), table(options, far, random)];
  const transitions = new Float64Array(V * V * V);
  for (let b = 0; b < V; b++) {
    for (let a = 0; a < V; a++) {
      const p = transitions.subarray((b * V + a) * V, (b * V + a + 1) * V);
      for (let x = 0; x < V; x++) {
        p[x] = (x + 1) ** -zipf * Math.exp(nearTable[a * V + x]! + farTable[b * V + x]!);
      }
      normalise(p);
    }
  }
  const pairs = stationary(transitions, V);
  return { symbols: V, transitions, pairs, ...entropies(transitions, pairs, V) };
}

/**
 * The lowest expected loss, in nats per character, over windows of `context` characters that begin anywhere: in each the
 * first target has one character before it, and all others have two.
 */
export function markovFloor(
  { entropyAfterOne, entropyAfterTwo }: MarkovChain,
  context: number,
): number {
  return (entropyAfterOne + (context - 1) * entropyAfterTwo) / context;
}

/** A text of the chain, which begins with a pair of π. The same seed gives the same text. */
export function markovText(
  { symbols: V, transitions, pairs }: MarkovChain,
  { seed, characters }: { seed: number; characters: number },
): string {
  const random = randomStream(seed, TEXT);
  const codes = new Uint16Array(characters);
  let pair = draw(pairs, random.uniform());
  for (let i = 0; i < characters; i++) {
    const x = draw(transitions.subarray(pair * V, (pair + 1) * V), random.uniform());
    codes[i] = FIRST_LETTER + x;
    pair = (pair % V) * V + x;
  }
  const decoder = new TextDecoder('utf-16le');
  return decoder.decode(codes);
}

/** [V, V], with singular values that fall as k^-decay. */
function table(
  { symbols: V, decay }: MarkovOptions,
  size: number,
  random: RandomStream,
): Float64Array {
  const normals = () => Float64Array.from({ length: V }, () => random.normal());
  const shares = Float64Array.from({ length: V }, (_, k) => (k + 1) ** -decay);
  const norm = Math.sqrt(shares.reduce((sum, share) => sum + share * share, 0));
  const out = new Float64Array(V * V);
  for (const share of shares) {
    const [u, v] = [normals(), normals()];
    for (let i = 0; i < V * V; i++) {
      out[i]! += (size * share * u[Math.floor(i / V)]! * v[i % V]!) / norm;
    }
  }
  return out;
}

/** π, by π(a x) = Σ_b π(b a) p(x | b a) until nothing changes. Every p is above 0, so there is one. */
function stationary(transitions: Float64Array, V: number): Float64Array {
  let pairs = new Float64Array(V * V).fill(1 / (V * V));
  for (let change = 1, round = 0; change > 1e-14 && round < 1000; round++) {
    const next = new Float64Array(V * V);
    for (let pair = 0; pair < V * V; pair++) {
      const to = (pair % V) * V;
      for (let x = 0; x < V; x++) next[to + x]! += pairs[pair]! * transitions[pair * V + x]!;
    }
    change = next.reduce((sum, p, i) => sum + Math.abs(p - pairs[i]!), 0);
    pairs = next;
  }
  return pairs;
}

function entropies(transitions: Float64Array, pairs: Float64Array, V: number) {
  const entropy = (p: Float64Array) =>
    -p.reduce((sum, x) => sum + (x > 0 ? x * Math.log(x) : 0), 0);
  let [entropyAfterOne, entropyAfterTwo] = [0, 0];
  for (let a = 0; a < V; a++) {
    const afterA = new Float64Array(V); // π(a) p(x | a)
    let share = 0; // π(a)
    for (let b = 0; b < V; b++) {
      const pair = b * V + a;
      const p = transitions.subarray(pair * V, (pair + 1) * V);
      entropyAfterTwo += pairs[pair]! * entropy(p);
      for (let x = 0; x < V; x++) afterA[x]! += pairs[pair]! * p[x]!;
      share += pairs[pair]!;
    }
    entropyAfterOne += entropy(afterA) + share * Math.log(share);
  }
  return { entropyAfterOne, entropyAfterTwo };
}

function normalise(p: Float64Array): void {
  const sum = p.reduce((total, x) => total + x, 0);
  for (let x = 0; x < p.length; x++) p[x]! /= sum;
}

/** The index at which the sum of `p` passes the uniform number `u`. */
function draw(p: Float64Array, u: number): number {
  let rest = u;
  for (let x = 0; x < p.length - 1; x++) {
    rest -= p[x]!;
    if (rest < 0) return x;
  }
  return p.length - 1;
}
