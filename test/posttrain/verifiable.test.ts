import { describe, expect, it, test } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { compared } from '../../src/posttrain/advantages.ts';
import { majority, passAtK, passRates } from '../../src/posttrain/pass_at_k.ts';
import { type Answer, type Reward, rewardOf, scoreAnswers } from '../../src/posttrain/rewards.ts';
import {
  cosineLength,
  formatReward,
  lengthReward,
  repetitionPenalty,
  softOverlong,
} from '../../src/posttrain/shaping.ts';
import {
  choiceAnswer,
  derivativeAnswer,
  exactAnswer,
  numericAnswer,
} from '../../src/posttrain/verifiable.ts';
import { derivative } from '../../src/text/derivatives.ts';
import { parseExpression } from '../../src/text/expression_parser.ts';
import { device } from '../device.ts';

type Given = { prompt: string; answer: string };

function answered<T extends { prompt: string }>(task: T, text: string, tokens = 4): Answer<T> {
  return { task, text, promptIds: [0], ids: Array(tokens).fill(1), finished: true };
}

async function score<T extends { prompt: string }>(reward: Reward<T>, answer: Answer<T>) {
  return (await scoreAnswers([reward], [answer])).totals[0]!;
}

describe('I12 rewards', () => {
  it('are weighted, and kept one by one', async () => {
    const task: Given = { prompt: '2+2=', answer: '4' };
    const rewards = [exactAnswer<Given>(), formatReward<Given>({ pattern: /^\d$/, weight: 0.25 })];
    const answers = [' 4 ', '5', 'four'].map((text) => answered(task, text));
    const { totals, parts } = await scoreAnswers(rewards, answers);
    expect(parts).toEqual({ exact: [1, 0, 0], format: [0, 1, 0] });
    expect(totals).toEqual([1, 0.25, 0]);
  });

  it('that throw or give no number name themselves and the answer', async () => {
    const answer = answered({ prompt: 'Why?' }, 'Because.');
    const nan = rewardOf('kindness', () => Number.NaN);
    await expect(scoreAnswers([nan], [answer])).rejects.toThrow(
      'reward "kindness" is NaN for the answer "Because." to "Why?"',
    );
    const broken = rewardOf('taste', () => {
      throw new TypeError('no tongue');
    });
    const failing = scoreAnswers([broken], [answer]);
    await expect(failing).rejects.toThrow(DataError);
    await expect(failing).rejects.toThrow(
      'reward "taste" failed on the answer "Because." to "Why?": no tongue',
    );
    const long = answered({ prompt: 'p'.repeat(1000) }, 't'.repeat(100_000));
    const told = await scoreAnswers([nan], [long]).catch((error) => String(error));
    expect(told).toHaveLength(
      `DataError: reward "kindness" is NaN for the answer ${'"…"'} to ${'"…"'}`.length + 120,
    );
  });

  it('of no name, no weight or twice the same name are refused', async () => {
    const one = rewardOf('one', () => 1);
    await expect(scoreAnswers([], [])).rejects.toThrow('there is no reward; give at least one');
    await expect(scoreAnswers([one, one], [])).rejects.toThrow('two rewards are named "one"');
    const weightless = rewardOf('one', () => 1, { weight: Number.NaN });
    await expect(scoreAnswers([weightless], [])).rejects.toThrow(ConfigError);
  });

  it('numbers within a tolerance, stated or last', async () => {
    const of = (text: string, answer: number, tolerance?: number) =>
      score(
        numericAnswer(tolerance === undefined ? {} : { tolerance }),
        answered({ prompt: '', answer }, text),
      );
    expect(await of('23 - 20 = 3. 3 + 6 = 9. The answer is 9.', 9)).toBe(1);
    expect(await of('The answer is 9. Or 8?', 9)).toBe(1);
    expect(await of('3.1416', Math.PI)).toBe(0);
    expect(await of('3.1416', Math.PI, 1e-4)).toBe(1);
    expect(await of('1,000,100', 1e6, 1e-4)).toBe(1);
    expect(await of('no number', 0, 1)).toBe(0);
  });

  it('I11 derivatives in any form', async () => {
    const names = { scalars: ['x'] };
    const of = parseExpression('3x^2 + ln(x)', names);
    const task = { prompt: 'd/dx 3x^2 + ln(x)', of, derivative: derivative(of, 'x'), names };
    for (const [text, right] of [
      ['6x+1/x', 1],
      ['(6x^2+1)/x', 1],
      ['6x+x', 0],
      ['6x+1/x)', 0],
      ['', 0],
    ] as const)
      expect(await score(derivativeAnswer(), answered(task, text)), text).toBe(right);
  });

  it('I11 letters of a choice, all of them', async () => {
    const task: Given = { prompt: 'Which?', answer: 'AC' };
    for (const [text, right] of [
      ['AC', 1],
      ['C, A.', 1],
      ['A', 0],
      ['ABC', 0],
      ['ac', 0],
      ['A or C', 0],
      ['', 0],
    ] as const)
      expect(await score(choiceAnswer<Given>(), answered(task, text)), text).toBe(right);
  });

  it('a thought in its tags, then an answer', async () => {
    const of = (text: string) => score(formatReward(), answered({ prompt: '' }, text));
    expect(await of('<think>2 and 2</think> 4')).toBe(1);
    expect(await of('<think></think>4\n')).toBe(1);
    for (const bad of [
      '4',
      '<think>4',
      '<think>2</think>',
      '<think>a<think>b</think>4',
      'So <think>2</think>4',
      '<think>2</think>4</think>',
    ])
      expect(await of(bad), bad).toBe(0);
    expect(() => formatReward({ pattern: /a/g })).toThrow(ConfigError);
  });

  it('lengths: a target, a cosine, and a soft limit', async () => {
    const at = (reward: Reward, tokens: number) =>
      score(reward, answered({ prompt: '' }, '', tokens));
    const target = lengthReward({ target: 10, width: 4 });
    for (const [tokens, value] of [
      [10, 1],
      [8, 0.5],
      [13, 0.25],
      [20, 0],
    ] as const)
      expect(await at(target, tokens)).toBe(value);
    const right = cosineLength({ right: () => true, most: 100 });
    const wrong = cosineLength({ right: () => false, most: 100 });
    for (const [tokens, ofRight, ofWrong] of [
      [0, 1, -1],
      [50, 0.75, -0.75],
      [100, 0.5, -0.5],
      [300, 0.5, -0.5],
    ] as const) {
      expect(await at(right, tokens)).toBeCloseTo(ofRight, 12);
      expect(await at(wrong, tokens)).toBeCloseTo(ofWrong, 12);
    }
    const soft = softOverlong({ most: 20, margin: 5 });
    for (const [tokens, value] of [
      [0, 0],
      [15, 0],
      [16, -0.2],
      [20, -1],
      [40, -1],
    ] as const)
      expect(await at(soft, tokens)).toBeCloseTo(value, 12);
    expect(() => softOverlong({ most: 5, margin: 6 })).toThrow('margin is 6, expected at most 5');
    expect(() => lengthReward({ target: 0, width: 1 })).toThrow('target is 0');
  });

  it('repetition: the share of word triples that were there before', async () => {
    const of = (text: string, n?: number) =>
      score(repetitionPenalty(n === undefined ? {} : { n }), answered({ prompt: '' }, text));
    expect(await of('one two three four')).toBeCloseTo(0, 12);
    expect(await of('one two')).toBeCloseTo(0, 12);
    expect(await of('a b a b a b', 2)).toBeCloseTo(-3 / 5, 12);
    expect(await of('No no NO no no')).toBeCloseTo(-2 / 3, 12);
  });
});

describe('I13 pass@k', () => {
  const choose = (n: number, k: number) =>
    Array.from({ length: k }, (_, i) => (n - i) / (i + 1)).reduce((a, b) => a * b, 1);

  it('is 1 - C(n-c, k) / C(n, k)', () => {
    expect(passAtK(8, 2, 4)).toBeCloseTo(0.785714, 6);
    for (let n = 1; n <= 12; n++)
      for (let c = 0; c <= n; c++)
        for (let k = 1; k <= n; k++)
          expect(passAtK(n, c, k)).toBeCloseTo(1 - choose(n - c, k) / choose(n, k), 12);
  });

  it('does not overflow', () => {
    expect(passAtK(100_000, 1, 50_000)).toBeCloseTo(0.5, 9);
    expect(passAtK(100_000, 50_000, 2)).toBeCloseTo(0.75, 4);
  });

  it('refuses what cannot be', () => {
    for (const [n, c, k] of [
      [4, 5, 1],
      [4, -1, 1],
      [4, 1, 0],
      [4, 1, 5],
      [4, 0.5, 1],
    ] as const)
      expect(() => passAtK(n, c, k)).toThrow(DataError);
  });

  it('majority: ties by lot, and what comes to nothing has no vote', () => {
    const right = (vote: string) => vote === '9';
    expect(majority(['9', '8', '9'], right)).toBe(1);
    expect(majority(['9', '8', '8'], right)).toBe(0);
    expect(majority(['9', '8', '7', '8', '9'], right)).toBe(0.5);
    expect(majority(['9', null, null, null], right)).toBe(1);
    expect(majority([null, null], right)).toBe(0);
    expect(majority([], right)).toBe(0);
  });

  it('rates are means over the prompts, with their interval', () => {
    const attempts = (text: string) =>
      [...text].map((vote) => ({ vote: vote === '-' ? null : vote, right: vote === '9' }));
    const { pass, majority } = passRates(
      [attempts('9988'), attempts('8899'), attempts('7-99'), attempts('7777')],
      [1, 2, 4],
    );
    expect(pass[1]!.mean).toBeCloseTo(1.5 / 4, 12);
    expect(pass[2]!.mean).toBeCloseTo((3 * passAtK(4, 2, 2)) / 4, 12);
    expect(pass[4]!.mean).toBe(0.75);
    expect(majority.mean).toBe((0.5 + 0.5 + 1 + 0) / 4);
    expect(pass[4]!.margin).toBeCloseTo(3.182 * 0.25, 3);
  });
});

describe('I13 comparing eight answers', () => {
  test.each([
    ['z-scores', 'mean', 'group', 1.61984, -0.53995],
    ['centred', 'mean', 'none', 0.75, -0.25],
    ['leave-one-out', 'leaveOneOut', 'none', 0.857143, -0.285714],
  ] as const)('%s', async (_, baseline, scale, one, zero) => {
    const rewards = [1, 0, 0, 1, 0, 0, 0, 0];
    const totals = device.tensor(rewards);
    const found = await compared(totals, { groupSize: 8, baseline, scale }).data();
    for (const [i, r] of rewards.entries()) expect(found[i]).toBeCloseTo(r ? one : zero, 5);
  });
});
