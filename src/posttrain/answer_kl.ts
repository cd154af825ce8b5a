// KL of a policy from its reference, measured on answers that the policy drew.

import { mul } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { sum } from '../ops/reduce.ts';
import { noGrad } from '../tensor/tape.ts';
import { answerRows, type DrawnAnswer, positionsOf } from './answers.ts';
import type { Task } from './rewards.ts';
import { readTokens, type Speaker } from './speaker.ts';

/** Lengths are rounded up to a multiple of it, so that few shapes occur. */
const ROUNDED = 16;
const BATCH = 128;

/**
 * Of each answer, in nats: Σ_t log π - log π_ref, by the log-probabilities that it was drawn with. Their mean estimates
 * KL(π ‖ π_ref) without bias; single ones may be below 0.
 * @param temperature of the drawing. Default 1.
 */
export async function answerKls<T extends Task>(
  device: Device,
  reference: Speaker,
  answers: readonly DrawnAnswer<T>[],
  { temperature = 1 }: { readonly temperature?: number } = {},
): Promise<number[]> {
  const { context } = reference.model.config;
  const longest = answers.reduce((most, answer) => Math.max(most, positionsOf(answer)), 0);
  const length = Math.min(context, Math.ceil(longest / ROUNDED) * ROUNDED);
  const kls: number[] = [];
  for (let at = 0; at < answers.length; at += BATCH) {
    const some = answers.slice(at, at + BATCH);
    const rows = answerRows(some, length);
    const shape = [some.length, length];
    const totals = device.scope(() =>
      noGrad(() => {
        const [ids, targets, mask] = [rows.ids, rows.targets, rows.mask].map((x) =>
          device.tensor(x, { shape }),
        );
        const { logProb } = readTokens(reference, ids!, targets!, { temperature });
        return sum(mul(logProb, mask!), { axis: 1 });
      }),
    );
    const ofReference = await totals.data();
    totals.dispose();
    for (const [i, { logProbs }] of some.entries())
      kls.push(logProbs.reduce((a, b) => a + b, 0) - ofReference[i]!);
  }
  return kls;
}
