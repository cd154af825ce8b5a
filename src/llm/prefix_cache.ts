// The keys and values of one sequence from one call of `generate` to the next: what the prompts begin with in common is not
// computed again. A conversation's next prompt is its last one, the reply, and a new message.

import type { Device } from '../ops/device.ts';
import { KeyValueCache } from './key_value_cache.ts';
import type { Transformer } from './transformer.ts';

/** Tokens that the first call has room for, at least. */
const LEAST_POSITIONS = 256;

/** Of one model with its weights as they are: `clear` it when they, or the adapter, change. */
export class PrefixCache implements Disposable {
  private readonly cache: KeyValueCache;
  /** The tokens whose keys and values the cache holds. */
  private ids: readonly number[] = [];
  private read = 0;

  constructor(
    device: Device,
    private readonly model: Pick<Transformer, 'config'>,
  ) {
    const { config } = model;
    this.cache = new KeyValueCache(device, config, 1, Math.min(LEAST_POSITIONS, config.context));
  }

  /** Tokens that were computed for prompts so far: those that the cache did not hold. */
  get computed(): number {
    return this.read;
  }

  /**
   * The cache for a prompt that will grow to so many positions, and how many of the prompt's tokens it holds: at most all but
   * the last, whose logits the next draw needs. It counts as empty until `holds` says what came of it.
   */
  begin(prompt: readonly number[], positions: number): { cache: KeyValueCache; kept: number } {
    const { cache, ids, model } = this;
    const differs = prompt.findIndex((id, i) => id !== ids[i]);
    const kept = Math.min(differs < 0 ? prompt.length : differs, prompt.length - 1);
    // Doubled, so that a long conversation is copied a few times only.
    if (positions > cache.positions)
      cache.reserve(Math.min(Math.max(positions, 2 * cache.positions), model.config.context));
    cache.keep(kept);
    this.ids = [];
    this.read += prompt.length - kept;
    return { cache, kept };
  }

  /** Says what the cache holds now. */
  holds(ids: readonly number[]): void {
    this.ids = ids;
  }

  clear(): void {
    this.ids = [];
  }

  [Symbol.dispose](): void {
    this.cache.dispose();
  }
}
