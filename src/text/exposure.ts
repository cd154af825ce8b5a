// Exposure bias: a model learns to go on from true texts, but samples go on from samples. Each error makes what follows a
// little less like the training data, so errors grow along a sample. Where the true source is known, so is how unlikely
// each character of a sample is given all before it, -ln p(x_t | x_<t): flat for texts of the source, rising for a model's.

import { DataError } from '../errors.ts';
import { type State, surprisalsWhilePossible } from './grammar.ts';
import { STORIES } from './stories.ts';

export interface ExposureOptions {
  /** The true source. Default the built-in stories. */
  readonly grammar?: State;
  /** Characters per point of the curve. Default 1. */
  readonly width?: number;
  /**
   * Nats that a character costs from where the source cannot have written the text: the true price is infinite.
   * Default ln 128, an even guess among the characters of ASCII.
   */
  readonly lostNats?: number;
}

/** By position, `width` characters to a point. */
export interface ExposureCurve {
  /** Mean -ln p(x_t | x_<t) under the source, in nats per character. */
  readonly nats: readonly number[];
  /** Of that mean; texts are independent, the characters of one are not. */
  readonly standardErrors: readonly number[];
  /** Share of the texts that the source cannot have written up to the end of the point. */
  readonly lost: readonly number[];
}

/**
 * How unlikely texts are under their supposed source, by position. All begin where a story begins; they count up to the
 * length of the shortest.
 * @throws DataError for less than two texts, or texts shorter than one point.
 */
export function exposureCurve(
  texts: readonly string[],
  { grammar = STORIES, width = 1, lostNats = Math.log(128) }: ExposureOptions = {},
): ExposureCurve {
  const length = Math.min(...texts.map((text) => text.length));
  const points = Math.floor(length / width);
  if (texts.length < 2 || points < 1) {
    throw new DataError(
      `exposureCurve: ${texts.length} texts of at least ${length} characters; expected two, of ${width} or more`,
    );
  }
  const rows = texts.map((text) => surprisalsWhilePossible(text.slice(0, points * width), grammar));
  const curve = Array.from({ length: points }, (_, n) => {
    const end = (n + 1) * width;
    const means = rows.map((nats) => {
      const possible = nats.subarray(n * width, end);
      const lost = (width - possible.length) * lostNats;
      return (possible.reduce((sum, x) => sum + x, 0) + lost) / width;
    });
    const lost = rows.filter((nats) => nats.length < end).length / rows.length;
    return { ...meanAndError(means), lost };
  });
  return {
    nats: curve.map(({ mean }) => mean),
    standardErrors: curve.map(({ error }) => error),
    lost: curve.map(({ lost }) => lost),
  };
}

function meanAndError(values: readonly number[]): { mean: number; error: number } {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (n - 1) / n) };
}
