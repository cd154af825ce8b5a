// The losses of a run before it was interrupted, from its metrics.jsonl: a curve that goes on begins with them.

import type { Folder } from '../../src/io/folder.ts';
import { readMetrics } from '../../src/io/metrics.ts';

export interface SavedLoss {
  readonly step: number;
  readonly loss: number;
  readonly validationLoss: number | null;
}

export async function savedLosses(folder: Folder): Promise<SavedLoss[]> {
  const number = (value: unknown) => (typeof value === 'number' ? value : null);
  return (await readMetrics(folder)).map(({ step, loss, validationLoss }) => ({
    step: number(step)!,
    loss: number(loss)!,
    validationLoss: number(validationLoss),
  }));
}

/** More points of a curve take the page's thread long to receive, and are drawn on the same pixels. */
const MOST = 2048;

/** At most about `MOST` of the losses, evenly, besides those with a validation. */
export function thinned<Loss extends SavedLoss>(losses: readonly Loss[]): Loss[] {
  const every = Math.ceil(losses.length / MOST);
  return losses.filter(({ validationLoss }, i) => i % every === 0 || validationLoss !== null);
}

/** The mean of the last `window` values, as they come. */
export function movingMean(window: number): (value: number) => number {
  const last = new Float64Array(window);
  let [seen, sum] = [0, 0];
  return (value) => {
    const at = seen++ % window;
    sum += value - last[at]!;
    last[at] = value;
    return sum / Math.min(seen, window);
  };
}
