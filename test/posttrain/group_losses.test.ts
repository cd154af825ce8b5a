// The losses that compare answers, against float64, with their gradients; and what must hold at their edges.

import { describe, expect, test } from 'vitest';
import { GROUP_LOSSES, type GroupLoss, groupLoss } from '../../src/posttrain/group_losses.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { backward } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { groupLossReference } from '../reference/group_losses.ts';

const LENGTHS = [3, 1, 5, 2, 4, 0]; // the last answer has no token that counts
const L = 6;
const BEGIN = 1; // the first position of an answer; those before it are the prompt's
const RULE = { clipLow: 0.2, clipHigh: 0.28, maxNewTokens: 5 };
const BETA = 0.3;

/** Ratios on both sides of the clip, advantages of both signs; padding holds what must not matter. */
function drawn() {
  const random = randomStream(3, 0);
  return LENGTHS.map((length, i) => {
    const logProbs = Array.from({ length }, () => -0.2 - 2 * random.uniform());
    const near = (spread: number) => logProbs.map((x) => x + spread * random.normal());
    const advantage = (i % 2 === 0 ? 1 : -1) * (0.5 + random.uniform());
    return { logProbs, oldLogProbs: near(0.4), referenceLogProbs: near(0.5), advantage };
  });
}

/** The loss of the device, and its gradient [answers, L] by ln π. */
async function onDevice(loss: GroupLoss, answers = drawn(), { padding = -90 } = {}) {
  const rows = (of: (answer: (typeof answers)[number]) => readonly number[], filled: number) => {
    const data = new Float32Array(answers.length * L).fill(filled);
    for (const [i, answer] of answers.entries()) data.set(of(answer), i * L + BEGIN);
    return device.tensor(data, { shape: [answers.length, L] });
  };
  const logProbs = rows((x) => x.logProbs, padding).requireGrad();
  const rollout = {
    logProbs: rows((x) => x.oldLogProbs, 0),
    referenceLogProbs: rows((x) => x.referenceLogProbs, 0),
    advantages: rows((x) => x.logProbs.map(() => x.advantage), 0),
    mask: rows((x) => x.logProbs.map(() => 1), 0),
  };
  const beta = device.tensor([BETA], { shape: [] });
  const found = groupLoss(
    { logProbs, entropy: rows(() => [], 1) },
    rollout,
    { estimator: 'k3', beta },
    { ...RULE, loss },
  );
  backward(found.loss);
  return {
    losses: Object.fromEntries(
      await Promise.all(Object.entries(found).map(async ([name, x]) => [name, await x.item()])),
    ) as Record<string, number>,
    gradient: [...(await logProbs.grad!.data())],
  };
}

describe.each(GROUP_LOSSES)('%s', (loss) => {
  test('is what the formula says in float64, and so is its gradient', async () => {
    const answers = drawn();
    // By a constant, or by the number of answers, those without a token are divided by, too.
    const counted = ['dr_grpo', 'luspo'].includes(loss) ? answers : answers.slice(0, -1);
    const expected = groupLossReference(counted, { ...RULE, loss, beta: BETA });
    const { losses, gradient } = await onDevice(loss);
    expect(Math.abs(losses.loss! - expected.loss)).toBeLessThan(
      1e-5 * (1 + Math.abs(expected.loss)),
    );
    for (const [i, { logProbs }] of answers.entries()) {
      const row = gradient.slice(i * L, (i + 1) * L);
      const want = new Array(L).fill(0);
      want.splice(BEGIN, logProbs.length, ...(expected.gradients[i] ?? []));
      for (const [t, slope] of want.entries()) expect(Math.abs(row[t]! - slope)).toBeLessThan(1e-5);
    }
  });

  test('does not depend on what padding holds', async () => {
    const [padded, other] = [await onDevice(loss), await onDevice(loss, drawn(), { padding: 0 })];
    expect(other).toEqual(padded);
  });

  test('of answers in which no token counts is 0, and so is its gradient', async () => {
    const empty = { logProbs: [], oldLogProbs: [], referenceLogProbs: [], advantage: 1 };
    const { losses, gradient } = await onDevice(loss, [empty, empty]);
    for (const value of Object.values(losses)) expect(value).toBeCloseTo(0, 12);
    expect(gradient.every((slope) => slope === 0)).toBe(true);
  });

  test('where the policy is the one that drew has the gradient of -A ln π', async () => {
    const answers = drawn().map((each) => ({
      ...each,
      oldLogProbs: each.logProbs,
      referenceLogProbs: each.logProbs,
    }));
    const { gradient } = await onDevice(loss, answers);
    for (const [i, { advantage, logProbs }] of answers.entries()) {
      const row = gradient.slice(i * L + BEGIN, i * L + BEGIN + logProbs.length);
      for (const slope of row) expect(slope / row[0]!).toBeCloseTo(1, 5);
      if (row.length > 0) expect(Math.sign(row[0]!)).toBe(-Math.sign(advantage));
    }
  });
});
