// A rollout's samples in random order, in parts: what each update learns from.

import { embedding } from '../ops/embedding.ts';
import { gather } from '../ops/gather.ts';
import { reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { RandomSequence } from './random.ts';
import type { Rollout } from './rollout.ts';

const STREAM = 0x6d696e69; // 'mini': the shuffles of a seed

/** 0 … count - 1 in random order (Fisher and Yates). */
export function shuffled(count: number, random: RandomSequence): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The order of one epoch; a function of its arguments alone, so that a resumed run shuffles as the straight one. */
export function epochOrder(count: number, seed: number, epoch: number): Int32Array {
  return shuffled(count, new RandomSequence({ seed, stream: STREAM, position: epoch * 4 * count }));
}

/** Samples of a rollout: rows `ids` [M] i32 of each of its tensors. */
export function rowsOf(rollout: Rollout, ids: Tensor): Rollout {
  const { observations, actions, actionMask, logProbs, values, advantages, returns } = rollout;
  return {
    observations: rowsAt(observations, ids),
    actions: rowsAt(actions, ids),
    actionMask: actionMask && rowsAt(actionMask, ids),
    logProbs: rowsAt(logProbs, ids),
    values: rowsAt(values, ids),
    advantages: rowsAt(advantages, ids),
    returns: rowsAt(returns, ids),
  };
}

/** x[ids]: x [B, ...], ids [M] i32 -> [M, ...]. */
export function rowsAt(x: Tensor, ids: Tensor): Tensor {
  if (x.rank === 1) return gather(x, ids, { axis: 0 });
  const [count, ...shape] = x.shape;
  const width = shape.reduce((product, n) => product * n, 1);
  return reshape(embedding(reshape(x, [count!, width]), ids), [ids.size, ...shape]);
}
