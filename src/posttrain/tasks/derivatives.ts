// Derivatives of sums of powers, exponentials, logarithms, sines and cosines: `(3x^2+sin(2x))'=6x+2cos(2x)`, in any form.

import { type RandomStream, randomStream } from '../../tensor/philox.ts';
import { derivative, expressionText, power, times } from '../../text/derivatives.ts';
import { binary, call, type Expression, number, valueAt } from '../../text/expressions.ts';
import { type DerivativeTask, expressionIn, isDerivative } from '../verifiable.ts';
import { differentTasks, type TaskFamily, type VerifiableTask } from './task_family.ts';

const STREAM = 0x64657269; // 'deri': the draws of a seed that belong to derivatives
const NAMES = { scalars: ['x'] };
const TERMS = 2;
/** A number in a term is 1 to this. */
const LARGEST = 5;

const x: Expression = { kind: 'name', name: 'x', vector: false };

/** Terms c f(x), or c f(k x); k or an exponent is n. */
const SHAPES: readonly ((n: number) => Expression)[] = [
  (n) => power(x, number(n)),
  (n) => call('exp', times(number(n), x)),
  (n) => call('sin', times(number(n), x)),
  (n) => call('cos', times(number(n), x)),
  () => call('ln', x),
];

export const derivatives: TaskFamily<VerifiableTask & DerivativeTask> = {
  name: 'derivatives',
  about: `derivatives of sums of ${TERMS} terms, in any algebraic form; longer ones have ${TERMS + 1}`,
  tokens: 'characters',
  draw({ seed, train, heldOut }) {
    const random = randomStream(seed, STREAM);
    const sums = (count: number, terms: number, without: readonly VerifiableTask[] = []) =>
      differentTasks('derivatives', count, () => derivativeOf(drawSum(random, terms)), without);
    const tests = sums(heldOut, TERMS);
    return {
      heldOut: tests,
      train: sums(train, TERMS, tests),
      longer: sums(heldOut, TERMS + 1),
    };
  },
  right: isDerivative,
  vote(text, { names }) {
    const answer = expressionIn(text, names);
    const value = answer && valueAt(answer, { x: [0.7] })[0]!;
    return value !== null && Number.isFinite(value) ? value.toPrecision(9) : null;
  },
};

function drawSum(random: RandomStream, terms: number): Expression {
  const term = () => {
    const shape = SHAPES[random.integer(SHAPES.length)]!;
    return times(number(1 + random.integer(LARGEST)), shape(1 + random.integer(LARGEST)));
  };
  let sum = term();
  for (let i = 1; i < terms; i++) sum = binary('+', sum, term());
  return sum;
}

function derivativeOf(of: Expression): VerifiableTask & DerivativeTask {
  const slope = derivative(of, 'x');
  const answer = expressionText(slope);
  const prompt = `(${expressionText(of)})'=`;
  return { prompt, answer, solution: answer, of, derivative: slope, names: NAMES };
}
