import { expect, test } from 'vitest';
import { gather } from '../../src/ops/gather.ts';
import { bradleyTerryLoss, dpoLoss } from '../../src/ops/preference.ts';
import { neg } from '../../src/ops/unary.ts';
import { slice } from '../../src/ops/view.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { scope } from '../../src/tensor/scope.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { randomFor } from '../reference/random.ts';

const loss = (chosen: number[], rejected: number[]) =>
  bradleyTerryLoss(device.tensor(chosen), device.tensor(rejected)).item();

test('I3 the loss of a margin 0.8 is -ln σ(0.8), and that of equal rewards ln 2', async () => {
  expect(await loss([0.8], [0])).toBeCloseTo(0.371101, 6);
  expect(await loss([3, -2], [3, -2])).toBeCloseTo(Math.LN2, 6);
});

test('I3 P(A≻B) + P(B≻A) = 1, and σ(0.8) = 0.689974', async () => {
  const [ab, ba] = [Math.exp(-(await loss([0.8], [0]))), Math.exp(-(await loss([0], [0.8])))];
  expect(ab).toBeCloseTo(0.689974, 6);
  expect(ab + ba).toBeCloseTo(1, 6);
});

test('I3 a constant added to all rewards changes nothing', async () => {
  const before = await loss([0.5, -1, 2], [0.25, 1, -2]);
  expect(await loss([8.5, 7, 10], [8.25, 9, 6])).toBeCloseTo(before, 6);
});

test('I3 known scores are recovered from 10 000 comparisons', async () => {
  const random = randomFor('comparisons');
  const [players, games] = [20, 10_000];
  const truth = [...random.normal([players]).data];
  const pairs = [...random.integers([2 * games], players).data];
  const luck = random.uniform([games], 0, 1).data;
  const winners = new Int32Array(games);
  const losers = new Int32Array(games);
  for (let game = 0; game < games; game++) {
    const [a, b] = [pairs[2 * game]!, pairs[2 * game + 1]!];
    const aWins = luck[game]! < 1 / (1 + Math.exp(truth[b]! - truth[a]!));
    [winners[game], losers[game]] = aWins ? [a, b] : [b, a];
  }
  const scores = device.zeros([players]).requireGrad();
  const [won, lost] = [device.tensor(winners), device.tensor(losers)];
  const optimizer = new AdamW([scores], { lr: 0.1, weightDecay: 0 });
  for (let step = 0; step < 100; step++) {
    scope(() => {
      const pick = (ids: typeof won) => gather(scores, ids, { axis: 0 });
      backward(bradleyTerryLoss(pick(won), pick(lost)));
      optimizer.step({ zeroGrad: true });
    });
  }
  expect(correlation([...(await scores.data())], truth)).toBeGreaterThan(0.99);
});

test('a tie counts half for each answer, and a margin is asked on top', async () => {
  const [chosen, rejected] = [device.tensor([1, 2]), device.tensor([0.5, 3])];
  const nll = (d: number) => Math.log1p(Math.exp(-d));
  const weights = device.tensor([1, 0.5]);
  const halved = await bradleyTerryLoss(chosen, rejected, { weights }).item();
  expect(halved).toBeCloseTo((nll(0.5) + (nll(1) + nll(-1)) / 2) / 2, 6);
  const wide = await bradleyTerryLoss(chosen, rejected, { margin: 0.3 }).item();
  expect(wide).toBeCloseTo((nll(0.2) + nll(-1.3)) / 2, 6);
});

test('L2 minimised without its minus, the log-likelihood drives the better reward down', async () => {
  const trained = async (loss: (chosen: Tensor, rejected: Tensor) => Tensor) => {
    const rewards = device.zeros([2]).requireGrad();
    const optimizer = new AdamW([rewards], { lr: 0.1, weightDecay: 0 });
    for (let step = 0; step < 20; step++) {
      scope(() => {
        backward(loss(slice(rewards, { end: [1] }), slice(rewards, { start: [1] })));
        optimizer.step({ zeroGrad: true });
      });
    }
    const [chosen, rejected] = await rewards.data();
    return chosen! - rejected!;
  };
  expect(await trained(bradleyTerryLoss)).toBeGreaterThan(1);
  // As the lecture prints it: Σ ln σ(chosen - rejected), to be maximised.
  expect(await trained((chosen, rejected) => neg(bradleyTerryLoss(chosen, rejected)))).toBeLessThan(
    -1,
  );
});

function correlation(x: number[], y: number[]): number {
  const mean = (list: number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
  const centred = (list: number[]) => list.map((v) => v - mean(list));
  const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  const [dx, dy] = [centred(x), centred(y)];
  return dot(dx, dy) / Math.sqrt(dot(dx, dx) * dot(dy, dy));
}

test('DPO is Bradley-Terry on the implicit rewards, and the reference gets no gradient', async () => {
  const [chosen, rejected, refChosen, refRejected] = [
    [-20, -31],
    [-25, -30],
    [-21, -29],
    [-24, -33],
  ].map((values) => device.tensor(values).requireGrad());
  const out = dpoLoss(chosen!, rejected!, refChosen!, refRejected!, { beta: 0.5 });
  const margins = [0.5 * (1 - -1), 0.5 * (-2 - 3)];
  const expected = margins.reduce((sum, m) => sum + Math.log1p(Math.exp(-m)) / 2, 0);
  expect(await out.item()).toBeCloseTo(expected, 6);
  backward(out);
  expect([refChosen!.grad, refRejected!.grad]).toEqual([null, null]);
  expect((await chosen!.grad!.data())[0]).toBeCloseTo((-0.5 / (1 + Math.exp(1))) * 0.5, 6);
});

test('pairs of different shapes are refused, not broadcast', () => {
  const [one, three] = [device.zeros([1]), device.zeros([3])];
  expect(() => bradleyTerryLoss(three, one)).toThrow(/chosen is \[3\] and rejected is \[1\]/);
  expect(() => bradleyTerryLoss(three, three, { weights: one })).toThrow(/weights is \[1\]/);
  expect(() => dpoLoss(three, three, one, three)).toThrow(/refChosen is \[1\]/);
});
