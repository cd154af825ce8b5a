// Beam search: of all continuations the B best so far are kept, and each step extends every one of them by every token.

import { ConfigError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { logSoftmax } from '../ops/softmax.ts';
import { reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import { KeyValueCache } from './key_value_cache.ts';
import type { Transformer } from './transformer.ts';

export interface BeamOptions {
  /** B, sequences that are kept. Default 4. */
  readonly beams?: number;
  readonly maxNewTokens: number;
  /** Tokens that end a sequence. Default: none. */
  readonly ends?: readonly number[];
  /**
   * Finished sequences are compared by Σ ln p / length^lengthPenalty: 0 favours short ones, and larger values long ones.
   * Default 1, as Hugging Face.
   */
  readonly lengthPenalty?: number;
}

/** A continuation. */
export interface Beam {
  readonly newIds: readonly number[];
  /** Σ ln p of its tokens. */
  readonly logProb: number;
  /** logProb / length^lengthPenalty. */
  readonly score: number;
}

/** A sequence that is kept: the one of the step before that it extends, and by what. */
export interface Extension {
  readonly parent: number;
  readonly token: number;
}

/** ln p of each token after each of the kept sequences; null asks for the one that is there at the start. */
export type Extend = (kept: readonly Extension[] | null) => Promise<readonly ArrayLike<number>[]>;

interface Open {
  readonly ids: readonly number[];
  readonly logProb: number;
}

/**
 * The best continuations that the search finds, best first, at most `beams` of them. The search begins with one
 * sequence, not with B equal ones, which would stay equal; and what is kept is a set. It ends when no open sequence can
 * still beat the worst of the finished ones: ln p only falls, and no later length divides by more.
 * With as many beams as there are sequences of length maxNewTokens - 1 it is exhaustive.
 */
export async function beamSearch(extend: Extend, options: BeamOptions): Promise<Beam[]> {
  const { beams: B = 4, maxNewTokens, ends = [], lengthPenalty = 1 } = options;
  checkOptions(options);
  const scored = ({ ids, logProb }: Open): Beam => ({
    newIds: ids,
    logProb,
    score: logProb / ids.length ** lengthPenalty,
  });
  const best = (all: Beam[]) => all.sort((a, b) => b.score - a.score).slice(0, B);

  let finished: Beam[] = [];
  let open: Open[] = [{ ids: [], logProb: 0 }];
  let logProbs = await extend(null);
  for (let length = 1; ; length++) {
    const candidates = likeliest(open, logProbs, 2 * B);
    const goesOn = ({ token }: Extension) => !ends.includes(token);
    const extended = ({ parent, token, logProb }: Candidate): Open => ({
      ids: [...open[parent]!.ids, token],
      logProb,
    });
    const done = candidates.slice(0, B).filter((each) => !goesOn(each));
    finished = best([...finished, ...done.map(extended).map(scored)]);
    const kept = candidates.filter(goesOn).slice(0, B);
    open = kept.map(extended);
    if (length === maxNewTokens || open.length === 0)
      return best([...finished, ...open.map(scored)]);
    const divisor = Math.max(length ** lengthPenalty, maxNewTokens ** lengthPenalty);
    const bound = open[0]!.logProb / divisor;
    if (finished.length === B && finished.at(-1)!.score >= bound) return finished;
    logProbs = await extend(kept);
  }
}

interface Candidate extends Extension {
  readonly logProb: number;
}

/** The n likeliest extensions, likeliest first; impossible ones are none. */
function likeliest(
  open: readonly Open[],
  logProbs: readonly ArrayLike<number>[],
  n: number,
): Candidate[] {
  let found: Candidate[] = [];
  for (const [parent, { logProb }] of open.entries()) {
    const row = logProbs[parent]!;
    const least = found.length === n ? found.at(-1)!.logProb : Number.NEGATIVE_INFINITY;
    const own: Candidate[] = [];
    for (let token = 0; token < row.length; token++) {
      const total = logProb + row[token]!;
      if (total > least) own.push({ parent, token, logProb: total });
    }
    found = [...found, ...own].sort((a, b) => b.logProb - a.logProb).slice(0, n);
  }
  return found;
}

/**
 * Beam search after a prompt.
 * @param prompt token ids, at least one; with maxNewTokens they fit the context, but for the last token.
 * @throws ConfigError for options that do not fit.
 */
export async function generateBeams(
  device: Device,
  model: Transformer,
  prompt: ArrayLike<number>,
  options: BeamOptions,
): Promise<Beam[]> {
  const { beams: B = 4, maxNewTokens } = options;
  const { context, vocabularySize: V, width } = model.config;
  if (prompt.length === 0) throw new ConfigError('generateBeams: the prompt is empty');
  if (prompt.length + maxNewTokens > context + 1) {
    throw new ConfigError(
      `generateBeams: ${prompt.length} tokens and maxNewTokens ${maxNewTokens} exceed the model's context of ${context}`,
    );
  }
  checkOptions(options);
  const cache = new KeyValueCache(device, model.config, B, prompt.length + maxNewTokens);
  const rows = (ids: Int32Array, T: number, last: Int32Array) =>
    device.scope(() =>
      noGrad(() => {
        const hidden = model.hidden(device.tensor(ids, { shape: [B, T] }), { cache });
        const at = device.tensor(last, { shape: [B] });
        return logSoftmax(model.logits(embedding(reshape(hidden, [B * T, width]), at)));
      }),
    );
  const read = async (logProbs: ReturnType<typeof rows>, count: number) => {
    const values = await logProbs.data();
    logProbs.dispose();
    return Array.from({ length: count }, (_, row) => values.subarray(row * V, (row + 1) * V));
  };
  const T = prompt.length;
  try {
    return await beamSearch(async (kept) => {
      if (kept === null) {
        const ids = Int32Array.from({ length: B * T }, (_, i) => prompt[i % T]!);
        const first = rows(
          ids,
          T,
          Int32Array.from({ length: B }, (_, row) => row * T + T - 1),
        );
        cache.setLengths(new Array(B).fill(T));
        return read(first, 1);
      }
      const row = (i: number) => kept[Math.min(i, kept.length - 1)]!;
      const all = Array.from({ length: B }, (_, i) => row(i));
      cache.reorder(all.map(({ parent }) => parent));
      const next = rows(
        Int32Array.from(all, ({ token }) => token),
        1,
        Int32Array.from(all.keys()),
      );
      cache.advance();
      return read(next, kept.length);
    }, options);
  } finally {
    cache.dispose();
  }
}

function checkOptions({ beams = 4, maxNewTokens, lengthPenalty = 1 }: BeamOptions): void {
  for (const [name, value] of Object.entries({ beams, maxNewTokens })) {
    if (!(Number.isInteger(value) && value >= 1))
      throw new ConfigError(`beam search: ${name} is ${value}, expected a whole number from 1 on`);
  }
  if (!Number.isFinite(lengthPenalty))
    throw new ConfigError(`beam search: lengthPenalty is ${lengthPenalty}, expected a number`);
}
