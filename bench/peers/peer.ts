// A peer: another library that can do some of the bench's items, in its own best form.

import type { HostArrays, Item, Results } from '../item.ts';

/** An item in a peer's form: the inputs are on the device. */
export interface PeerWork {
  /**
   * Does the item at least `calls` times, without reading back its results, and waits until the device has finished.
   * Gives the number of times.
   */
  sample(calls: number): Promise<number>;
  /** What the last call gave, under the item's names; those that the peer does not compute are left out. */
  results(): Promise<Results>;
}

export interface Peer {
  readonly name: string;
  /** Of the library, as it says itself or as its package does; known once it is open. */
  readonly version: string;
  /** Why the peer has no form of the item; null if it has. Asked before `open`. */
  cannot(item: Item): string | null;
  open(): Promise<void>;
  start(item: Item, inputs: HostArrays): Promise<PeerWork>;
  close?(): void;
}

/** The inputs that get gradients, by op; a gradient's name is that of its input after a 'd'. */
const WANTED: Readonly<Record<string, readonly string[]>> = {
  softmax: ['x'],
  logSoftmax: ['x'],
  layerNorm: ['x', 'weight', 'bias'],
  rmsNorm: ['x', 'weight'],
  crossEntropy: ['logits'],
  attention: ['q', 'k', 'v'],
  embedding: ['weight'],
  ppoLoss: ['logits', 'values'],
};

/** The inputs whose gradients the item wants; none for forward. */
export function wantedGradients({ op, direction }: Item): readonly string[] {
  return direction === 'forward+backward' ? WANTED[op]! : [];
}

/** A number among the item's options. */
export function option({ options, name }: Item, key: string): number {
  const value = options[key];
  if (typeof value !== 'number') throw new Error(`${name}: the option ${key} is no number`);
  return value;
}

/** Into how many parts to cut the batch of an attention, whose scores are [B, H, T, T]: a binding holds 128 MiB. */
export function scoreParts({ B, H, T }: Item['shape']): number {
  const fitting = Math.floor(2 ** 27 / (4 * H! * T! * T!));
  return Math.ceil(B! / Math.max(1, fitting));
}

/** 1, 2, 4, … below `size`: the distances of a scan by doubling (Hillis and Steele 1986). */
export function doublings(size: number): number[] {
  return Array.from({ length: Math.ceil(Math.log2(size)) }, (_, i) => 2 ** i);
}
