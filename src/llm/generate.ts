// Continuing token sequences: one look at the prompts, then one captured step per token, on the device from the cache to
// the draw, and back to the next step's input. The host reads only now and then.

import { ConfigError, DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { type SamplingState, sampleInto, samplingState } from '../ops/sample.ts';
import { checkSampling, type SamplingOptions } from '../ops/sampling_options.ts';
import { reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import { KeyValueCache } from './key_value_cache.ts';
import type { PrefixCache } from './prefix_cache.ts';
import type { Transformer } from './transformer.ts';

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to add to each prompt. Together they fit the model's context, but for the last one, which is not read. */
  readonly maxNewTokens: number;
  /** Of the first row; row i draws with seed + i. Or one seed per row. Default 0. */
  readonly seed?: number | readonly number[];
  /** Tokens between two reads of the device, and so between two calls of onTokens. Default 16. */
  readonly readEvery?: number;
  /** The new tokens of each row since the last call. */
  readonly onTokens?: (rows: readonly (readonly number[])[]) => void;
  /** Asked at each read; true ends the generation with what there is. */
  readonly stop?: (rows: readonly (readonly number[])[]) => boolean;
  readonly signal?: AbortSignal;
  /** Of one prompt: what it begins with in common with the one before is not computed again. */
  readonly prefix?: PrefixCache;
}

/** One row's continuation. */
export interface Generated {
  /** Without the prompt; an end token is the last one. */
  readonly newIds: number[];
  /** ln p of each under softmax(logits / temperature), before any cut. */
  readonly logProbs: number[];
  readonly finishReason: 'end' | 'length' | 'stopped';
}

/**
 * Continues each prompt. A row's tokens depend on its prompt, its seed and the options alone, not on the rows beside it
 * (to the rounding of the adapter's matrix products, which depends on the number of rows).
 * @param prompts token ids, at least one in each; their lengths may differ.
 * @throws ConfigError for options that do not fit, DataError for prompts that are empty, too long, or not of the
 *   vocabulary.
 */
export async function generate(
  device: Device,
  model: Transformer,
  prompts: readonly ArrayLike<number>[],
  options: GenerateOptions,
): Promise<Generated[]> {
  const { maxNewTokens, readEvery = 16, onTokens, stop, signal } = options;
  const rows = prompts.map((prompt) => Array.from(prompt));
  check(rows, model, options);
  if (maxNewTokens === 0 || rows.length === 0)
    return rows.map(() => ({ newIds: [], logProbs: [], finishReason: 'length' }));

  using batch = new Continuation(device, model, rows, options);
  batch.readPrompts();
  let drawn = 1;
  let told = rows.map(() => 0);
  let due = Math.min(maxNewTokens, 2, readEvery);
  for (; ; due = Math.min(maxNewTokens, drawn + readEvery)) {
    for (; drawn < due; drawn++) batch.step();
    const { generated, ended } = await batch.read(drawn);
    const news = generated.map(({ newIds }, row) => newIds.slice(told[row]));
    told = generated.map(({ newIds }) => newIds.length);
    onTokens?.(news);
    const stopped = stop?.(generated.map(({ newIds }) => newIds)) || signal?.aborted;
    if (stopped || ended || drawn === maxNewTokens) {
      batch.keepPrefix(drawn, generated);
      return generated.map((row) =>
        row.finishReason === 'length' && drawn < maxNewTokens
          ? { ...row, finishReason: 'stopped' }
          : row,
      );
    }
  }
}

/** What one call of `generate` keeps on the device: the prompts' rows, their cache, and what they have drawn. */
export class Continuation implements Disposable {
  private readonly cache: KeyValueCache;
  /** Tokens of the prompt that the cache holds already. */
  private readonly kept: number;
  private readonly state: SamplingState;
  private captured: ReturnType<Device['capture']> | null = null;

  constructor(
    private readonly device: Device,
    private readonly model: Transformer,
    private readonly rows: readonly number[][],
    private readonly options: GenerateOptions,
  ) {
    const { maxNewTokens, seed = 0, prefix } = options;
    const { vocabularySize } = model.config;
    // The last token is drawn and not read.
    const positions = Math.max(...rows.map((row) => row.length)) + maxNewTokens - 1;
    const own = () => new KeyValueCache(device, model.config, rows.length, positions);
    const { cache, kept } = prefix?.begin(rows[0]!, positions) ?? { cache: own(), kept: 0 };
    this.cache = cache;
    this.kept = kept;
    const seeds = typeof seed === 'number' ? rows.map((_, i) => seed + i) : seed;
    this.state = samplingState(device, seeds, { capacity: maxNewTokens, vocabularySize });
    const seen = new Uint32Array(rows.length * vocabularySize);
    for (const [row, ids] of rows.entries())
      for (const id of ids) seen[row * vocabularySize + id] = 1;
    this.state.seen.write(seen);
  }

  /** Runs what is new of the prompts, padded at their ends to one length, and draws the first tokens. */
  readPrompts(): void {
    const { device, model, rows, cache, kept } = this;
    const T = Math.max(...rows.map((row) => row.length)) - kept;
    const padded = Int32Array.from(
      { length: rows.length * T },
      (_, i) => rows[Math.floor(i / T)]![kept + (i % T)] ?? 0,
    );
    const last = Int32Array.from(rows, (row, i) => i * T + row.length - kept - 1);
    device.scope(() =>
      noGrad(() => {
        const ids = device.tensor(padded, { shape: [rows.length, T] });
        const hidden = model.hidden(ids, { cache });
        // The draw counts the tokens of the prompt that it follows.
        cache.setLengths(rows.map((row) => row.length - 1));
        const ends = embedding(
          reshape(hidden, [-1, model.config.width]),
          device.tensor(last, { shape: [rows.length] }),
        );
        sampleInto(this.state, model.logits(ends), cache.lengths, this.options);
      }),
    );
  }

  /** One more token for each row. */
  step(): void {
    if (this.captured) this.captured();
    else this.captured = this.device.capture(() => this.continueRows());
  }

  private continueRows(): void {
    const { model, cache, state, rows } = this;
    noGrad(() => {
      const hidden = model.hidden(reshape(state.next, [rows.length, 1]), { cache });
      const logits = model.logits(reshape(hidden, [rows.length, -1]));
      sampleInto(state, logits, cache.lengths, this.options);
    });
  }

  /** The tokens so far, cut at the end tokens. */
  async read(drawn: number): Promise<{ generated: Generated[]; ended: boolean }> {
    const { ends = [], maxNewTokens } = this.options;
    const words = (await this.state.drawn.data()) as Uint32Array;
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    const generated = this.rows.map((_, row): Generated => {
      const at = (step: number) => 2 * (row * maxNewTokens + step);
      const ids = Array.from({ length: drawn }, (_, step) => words[at(step)]!);
      const end = ids.findIndex((id) => ends.includes(id));
      const length = end < 0 ? drawn : end + 1;
      return {
        newIds: ids.slice(0, length),
        logProbs: ids.slice(0, length).map((_, step) => floats[at(step) + 1]!),
        finishReason: end < 0 ? 'length' : 'end',
      };
    });
    return { generated, ended: generated.every(({ finishReason }) => finishReason === 'end') };
  }

  /** Tells the cache that outlives this call what it holds: all but the last draw was read. */
  keepPrefix(drawn: number, [row]: readonly Generated[]): void {
    this.options.prefix?.holds([...this.rows[0]!, ...row!.newIds.slice(0, drawn - 1)]);
  }

  [Symbol.dispose](): void {
    this.captured?.dispose();
    if (!this.options.prefix) this.cache.dispose();
    this.state.dispose();
  }
}

function check(
  rows: readonly number[][],
  { config }: Transformer,
  { maxNewTokens, seed = 0, readEvery = 16, prefix, ...sampling }: GenerateOptions,
): void {
  const { context, vocabularySize, architecture = 'decoder' } = config;
  checkSampling(sampling, vocabularySize);
  if (architecture !== 'decoder')
    throw new ConfigError(`generate: the model is an ${architecture}, expected a decoder`);
  for (const [name, value] of Object.entries({ maxNewTokens, readEvery })) {
    if (!Number.isInteger(value) || value < (name === 'readEvery' ? 1 : 0))
      throw new ConfigError(`generate: ${name} is ${value}, expected a whole number`);
  }
  if (typeof seed !== 'number' && seed.length !== rows.length)
    throw new ConfigError(`generate: ${seed.length} seeds for ${rows.length} prompts`);
  if (prefix && rows.length !== 1)
    throw new ConfigError(`generate: a prefix is of one prompt, got ${rows.length}`);
  for (const [i, row] of rows.entries()) {
    if (row.length === 0)
      throw new DataError(`generate: prompt ${i} is empty; give at least one token`);
    const stray = row.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabularySize));
    if (stray !== undefined)
      throw new DataError(
        `generate: prompt ${i} holds ${stray}, expected ids in 0 … ${vocabularySize - 1}`,
      );
    const room = context + 1 - row.length;
    if (maxNewTokens > room) {
      throw new ConfigError(
        `generate: prompt ${i} has ${row.length} tokens; with maxNewTokens ${maxNewTokens} that exceeds the model's context of ${context} (at most ${Math.max(0, room)} fit)`,
      );
    }
  }
}
