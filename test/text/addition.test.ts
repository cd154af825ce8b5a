import { expect, test } from 'vitest';
import { additionData, additionProblem } from '../../src/text/addition.ts';

test('a sum is padded, and its digits may be in reverse', () => {
  const sum = (reversed: boolean) => additionProblem(58, 767, { digits: 3, reversed });
  expect(sum(false)).toEqual({ prompt: '058+767=', completion: '0825' });
  expect(sum(true)).toEqual({ prompt: '058+767=', completion: '5280' });
});

test('held-out sums are never seen, not in the other order either', () => {
  const options = { digits: 2, reversed: true, examples: 1500, heldOut: 500, seed: 1 };
  const { train, heldOut } = additionData(options);
  expect([train.length, heldOut.length]).toEqual([1500, 500]);
  const pair = ({ prompt }: { prompt: string }) =>
    prompt.replace('=', '').split('+').sort().join('+');
  const seen = new Set([...train, ...heldOut].map(pair));
  expect(seen.size).toBe(2000);
  const plain = additionData({ ...options, reversed: false });
  expect(plain.heldOut.map(({ prompt }) => prompt)).toEqual(heldOut.map(({ prompt }) => prompt));
  expect(() => additionData({ ...options, examples: 5000 })).toThrow('more than half of the 5050');
});
