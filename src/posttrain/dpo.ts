// Direct preference optimisation (Rafailov et al. 2023): from pairs of answers to a policy, with no reward model and no drawing.
//
//   L = -log σ(m),  m = r̂(chosen) - r̂(rejected),  r̂(y) = β log(π(y) / π_ref(y))
// log π(y) is the sum over the answer's tokens, its end included. The reference's are computed once, before training. Where the
// label is right with probability w only, as of a tie, L = -w log σ(m) - (1 - w) log σ(-m) = -log σ(m) + (1 - w) m.

import { type Checks, checkSettings, positive, resolveSettings } from '../io/config.ts';
import { FINETUNE_CHECKS, FINETUNE_DEFAULTS } from '../llm/finetune_settings.ts';
import type { Measured } from '../llm/run_steps.ts';
import type { Transformer } from '../llm/transformer.ts';
import {
  adapterOf,
  type ItemLoss,
  type TuneOptions,
  type TuneResult,
  Tuner,
  type TuningData,
  tune,
} from '../llm/tuner.ts';
import { withAdapter } from '../nn/linear.ts';
import { add, mul, sub } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { dpoLoss } from '../ops/preference.ts';
import { sum } from '../ops/reduce.ts';
import { neg } from '../ops/unary.ts';
import { reshape, slice } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { IGNORED_TARGET } from '../text/loader.ts';
import type { PreferenceTokens } from './preferences.ts';
import type { Speaker } from './speaker.ts';

/** What is tuned, and how, as for fine-tuning; and β. */
export const DPO_DEFAULTS = {
  ...FINETUNE_DEFAULTS,
  /** How strongly the policy is held to the reference. As Rafailov et al. and TRL. */
  beta: 0.1,
  /** As TRL. */
  epochs: 1,
};

export type DpoSettings = typeof DPO_DEFAULTS;

export const DPO_CHECKS: Checks<DpoSettings> = { ...FINETUNE_CHECKS, beta: positive };

export interface DpoOptions extends TuneOptions {
  readonly settings?: Partial<DpoSettings>;
  /** What the policy is held to. Default: the model as it is now, without adapters. */
  readonly reference?: Speaker;
}

export type DpoResult = TuneResult<DpoSettings>;

/**
 * Trains the model in place, as `finetune` does. Evaluations measure held-out pairs: loss (ln 2 at first), and the metrics
 * `rewards/chosen`, `rewards/rejected`, `rewards/margin` (means of r̂) and `rewards/accuracy` (the share with a margin over 0).
 * @throws ConfigError for a bad setting, DataError for a loss that is not finite, and for a checkpoint that is of another model.
 */
export async function dpo(
  device: Device,
  model: Transformer,
  data: TuningData<PreferenceTokens>,
  { settings: given, reference = { model, adapter: null }, ...options }: DpoOptions = {},
): Promise<DpoResult> {
  const settings = checkSettings(resolveSettings(DPO_DEFAULTS, given), DPO_CHECKS);
  const known = async (pairs: readonly PreferenceTokens[]) => {
    const logProbs = await pairLogProbs(device, reference, pairs, settings.batch);
    return pairs.map((pair, i): Pair => ({ ...pair, reference: logProbs[i]! }));
  };
  const [train, heldOut] = [await known(data.train), await known(data.heldOut)];
  const loss = pairLoss(device, model, settings, longestAnswer([...train, ...heldOut]));
  return tune(new Tuner(device, model, { train, heldOut }, settings, loss), options);
}

/** log π of chosen and rejected. */
type LogProbs = readonly [chosen: number, rejected: number];

interface Pair extends PreferenceTokens {
  readonly reference: LogProbs;
}

/** Pairs in rows: both answers after the prompt [B, 2 L], and [B, 3]: log π_ref of chosen and rejected, 1 - w. */
type PairRows = {
  readonly ids: Int32Array;
  readonly targets: Int32Array;
  readonly known: Float32Array;
};

/** @param length positions of the longest answer with its prompt, L */
function pairLoss(
  device: Device,
  model: Transformer,
  settings: DpoSettings,
  length: number,
): ItemLoss<Pair, PairRows> {
  const { beta } = settings;
  return {
    positions: 2 * length,
    rows: (pairs) => ({
      ...bothAnswers(pairs, length),
      known: Float32Array.from(
        pairs.flatMap(({ reference, weight }) => [...reference, 1 - weight]),
      ),
    }),
    sum({ ids, targets, known }) {
      const B = ids.shape[0]!;
      const column = (x: Tensor, i: number) => slice(x, { start: [0, i], end: [B, i + 1] });
      const [refChosen, refRejected, doubt] = [
        column(known, 0),
        column(known, 1),
        column(known, 2),
      ];
      const policy = answerLogProbs(model, ids, targets);
      const [chosen, rejected] = [column(policy, 0), column(policy, 1)];
      const mean = dpoLoss(chosen, rejected, refChosen, refRejected, { beta });
      const margin = mul(sub(sub(chosen, rejected), sub(refChosen, refRejected)), beta);
      return add(mul(mean, B), sum(mul(margin, doubt)));
    },
    count: (some) => some.length,
    async evaluate(some, part) {
      const speaker = { model, adapter: adapterOf(settings) };
      return measured(await pairLogProbs(device, speaker, some, part), some, beta);
    },
  };
}

function measured(policy: readonly LogProbs[], pairs: readonly Pair[], beta: number): Measured {
  const rewards = policy.map(([chosen, rejected], i) => {
    const { reference, weight } = pairs[i]!;
    const r = {
      chosen: beta * (chosen - reference[0]),
      rejected: beta * (rejected - reference[1]),
    };
    return { ...r, margin: r.chosen - r.rejected, weight };
  });
  const mean = (of: (reward: (typeof rewards)[number]) => number) =>
    rewards.reduce((total, each) => total + of(each), 0) / rewards.length;
  return {
    loss: mean(({ margin, weight }) => softplus(-margin) + (1 - weight) * margin),
    metrics: {
      'rewards/chosen': mean(({ chosen }) => chosen),
      'rewards/rejected': mean(({ rejected }) => rejected),
      'rewards/margin': mean(({ margin }) => margin),
      'rewards/accuracy': mean(({ margin }) => Number(margin > 0)),
    },
  };
}

/** ln(1 + e^x) */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** log π of both answers of each pair, `part` pairs at a time. */
async function pairLogProbs(
  device: Device,
  { model, adapter }: Speaker,
  pairs: readonly PreferenceTokens[],
  part: number,
): Promise<LogProbs[]> {
  const length = longestAnswer(pairs);
  const found: LogProbs[] = [];
  for (let begin = 0; begin < pairs.length; begin += part) {
    const some = pairs.slice(begin, begin + part);
    const { ids, targets } = bothAnswers(some, length);
    const shape = [some.length, 2 * length];
    const logProbs = device.scope(() =>
      noGrad(() =>
        withAdapter(model, adapter, () =>
          answerLogProbs(model, device.tensor(ids, { shape }), device.tensor(targets, { shape })),
        ),
      ),
    );
    const values = await logProbs.data();
    logProbs.dispose();
    for (let i = 0; i < some.length; i++) found.push([values[2 * i]!, values[2 * i + 1]!]);
  }
  return found;
}

/** log π(answer) of pairs in rows [B, 2 L] -> [B, 2]. */
function answerLogProbs(model: Transformer, ids: Tensor, targets: Tensor): Tensor {
  const [B, both] = ids.shape as [number, number];
  const [inputs, following] = [ids, targets].map((x) => reshape(x, [2 * B, both / 2])) as [
    Tensor,
    Tensor,
  ];
  const losses = model.loss(inputs, following, { reduction: 'none' });
  return reshape(neg(sum(losses, { axis: 1 })), [B, 2]);
}

const longestAnswer = (pairs: readonly PreferenceTokens[]): number =>
  pairs.reduce(
    (most, { promptIds, chosen, rejected }) =>
      Math.max(most, promptIds.length + Math.max(chosen.length, rejected.length) - 1),
    0,
  );

/** [pairs, 2 length]: the chosen answer after its prompt, then the rejected one; padding counts nowhere. */
function bothAnswers(pairs: readonly PreferenceTokens[], length: number) {
  const ids = new Int32Array(pairs.length * 2 * length);
  const targets = new Int32Array(ids.length).fill(IGNORED_TARGET);
  for (const [i, { promptIds, chosen, rejected }] of pairs.entries()) {
    for (const [j, answer] of [chosen, rejected].entries()) {
      const begin = (2 * i + j) * length;
      ids.set([...promptIds, ...answer].slice(0, -1), begin);
      targets.set(answer, begin + promptIds.length - 1);
    }
  }
  return { ids, targets };
}
