// Advantages and PPO's loss.
//   gae      [T, N]: 6 flops per element; five arrays in, two out
//   ppoLoss  [N, A] and its gradient: about 50 flops per logit; inputs read forward and backward, gradients out

import { gae } from '../../src/ops/gae.ts';
import { ppoLoss } from '../../src/ops/ppo.ts';
import * as reference from '../../test/reference/rl.ts';
import { draws } from '../inputs.ts';
import type { HostArrays, Item, Tensors } from '../item.ts';
import { opItem } from '../op_item.ts';
import { type Part, refOf } from '../sample.ts';

const GAE = { gamma: 0.99, lambda: 0.95 };
const PPO = { clip: 0.2, valueCoef: 0.5, entropyCoef: 0.01 };

function gaeItem(T: number, N: number, quick = false): Item {
  return opItem({
    name: `gae ${T}x${N}`,
    family: 'gae',
    shape: { T, N },
    sized: (T, N) => gaeItem(T!, N!),
    options: GAE,
    flops: 6 * T * N,
    bytes: 4 * 7 * T * N,
    quick,
    inputs(fits) {
      const { normal, flags } = draws(fits);
      const values = [normal([T, N]), normal([T, N]), normal([T, N])] as const;
      return {
        rewards: values[0],
        values: values[1],
        nextValues: values[2],
        terminated: flags([T, N], 0.01),
        truncated: flags([T, N], 0.005),
      };
    },
    reference: reference.gae,
    call: (x) => {
      const { rewards, values, nextValues, terminated, truncated } = x as Record<string, never>;
      const { advantages, returns } = gae(
        rewards!,
        values!,
        nextValues!,
        terminated!,
        truncated!,
        GAE,
      );
      return { advantages, returns };
    },
  });
}

function ppoItem(N: number, A: number, quick = false): Item {
  return opItem({
    name: `ppoLoss ${N} samples ${A} actions fwd+bwd`,
    family: 'ppo',
    shape: { N, A },
    sized: (N, A) => ppoItem(N!, A!),
    direction: 'forward+backward',
    options: PPO,
    flops: 50 * N * A,
    bytes: 4 * N * (3 * A + 11), // twice: logits, actions, old, advantages, values, returns; out: dlogits, dvalues
    quick,
    inputs(fits) {
      const { normal, integers, uniform } = draws(fits);
      return {
        logits: normal([N, A]),
        values: normal([N]),
        actions: integers([N], A),
        oldLogProbs: uniform([N], -2 * Math.log(A), -0.1),
        advantages: normal([N]),
        returns: normal([N]),
      };
    },
    reference: reference.ppoLoss,
    call: ppoCall,
    wanted: ['logits', 'values'],
    parts: wholeLoss,
  });
}

function ppoCall({ logits, values, ...batch }: Tensors): Tensors {
  const { actions, oldLogProbs, advantages, returns } = batch;
  const samples = {
    actions: actions!,
    oldLogProbs: oldLogProbs!,
    advantages: advantages!,
    returns: returns!,
  };
  return { ...ppoLoss(logits!, values!, samples, PPO) };
}

/** The upstream gradient of the loss is 1. */
function wholeLoss(inputs: HostArrays): Part[] {
  const refs = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, refOf(x)]));
  return [{ inputs: refs, dout: { shape: [], data: Float64Array.of(1) } }];
}

export const gaeItems: readonly Item[] = [
  gaeItem(32, 16, true),
  gaeItem(128, 64, true),
  gaeItem(2048, 4096),
  gaeItem(100_000, 1),
];

export const ppoItems: readonly Item[] = [ppoItem(1024, 4, true), ppoItem(65_536, 4)];
