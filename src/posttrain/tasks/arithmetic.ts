// Sums of two numbers of two digits, `47+85=132`; of three digits they are longer than any of training.

import { randomStream } from '../../tensor/philox.ts';
import { differentTasks, type TaskFamily, type VerifiableTask } from './task_family.ts';

const STREAM = 0x73756d73; // 'sums': the draws of a seed that belong to these sums
const DIGITS = 2;

export const arithmetic: TaskFamily = {
  name: 'arithmetic',
  about: `sums of numbers of ${DIGITS} digits; longer ones have ${DIGITS + 1}`,
  tokens: 'characters',
  draw({ seed, train, heldOut }) {
    const random = randomStream(seed, STREAM);
    const sums = (count: number, digits: number, without: readonly VerifiableTask[] = []) => {
      const low = 10 ** (digits - 1);
      const summand = () => low + random.integer(9 * low);
      return differentTasks('arithmetic', count, () => sumOf(summand(), summand()), without);
    };
    const tests = sums(heldOut, DIGITS);
    return {
      heldOut: tests,
      train: sums(train, DIGITS, tests),
      longer: sums(heldOut, DIGITS + 1),
    };
  },
  right: (text, { answer }) => text.trim() === answer,
  vote: (text) => (/^\s*\d+\s*$/.test(text) ? text.trim() : null),
};

function sumOf(a: number, b: number): VerifiableTask {
  const answer = String(a + b);
  return { prompt: `${a}+${b}=`, answer, solution: answer };
}
