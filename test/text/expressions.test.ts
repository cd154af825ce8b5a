import { describe, expect, it, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { derivative, expressionText } from '../../src/text/derivatives.ts';
import { parseExpression } from '../../src/text/expression_parser.ts';
import { agree, valueAt } from '../../src/text/expressions.ts';

const NAMES = { scalars: ['b'], vectors: ['w', 'x'] };
const QUESTION = parseExpression('ln(1 + e^{w·x + b})', NAMES);
const checks = (answer: string) =>
  agree(derivative(QUESTION, 'w'), parseExpression(answer, NAMES), {
    names: NAMES,
    domain: QUESTION,
  });

describe('I11 d/dw ln(1 + e^{w·x + b})', () => {
  it.each([
    'σ(w·x+b)x',
    'sigma(w·x + b) x',
    'x sigmoid(b + x·w)',
    'x*σ(x⋅w+b)',
    'x/(1+e^{-(w·x+b)})',
    'x / (1 + exp(-w·x - b))',
    'e^{w·x+b}/(1+e^{w·x+b}) x',
    'exp(w·x) exp(b) x / (exp(w·x+b) + 1)',
    '(1 - 1/(1+e^{w·x+b}))x',
    '(1 - σ(-(w·x+b)))x',
    'x - σ(−w·x−b)x',
    '(1 + tanh((w·x+b)/2))/2 x',
    '0.5x + 0.5tanh(0.5(w·x+b))x',
    '-(-x)(1+e^(-b)e^(-(x·w)))^-1',
    'x e^{-ln(1+e^{-w·x-b})}',
    'x sqrt(σ(w·x+b)^2)',
    '(2x)σ(w·x+b)/2',
    'σ(w·x+b)((w+x)-w)',
    'x/(1+e^{-b}/e^{w·x})',
    'ln(e^{σ(w·x+b)})x',
  ])('is %s', (answer) => {
    expect(checks(answer)).toBe(true);
  });

  it.each([
    'σ(w·x+b)', // no vector
    'σ(w·x+b)w', // with respect to x
    'σ(w·x)x',
    'σ(w·x-b)x',
    'σ(-(w·x+b))x',
    '-σ(w·x+b)x',
    'σ(w·x+b)(1-σ(w·x+b))x', // derived once too often
    'x/(1+e^{w·x+b})',
    'x/(e^{w·x+b})',
    'e^{w·x+b}x',
    'tanh(w·x+b)x',
    '2σ(w·x+b)x',
    '(σ(w·x+b)+0.001)x',
    '1.000001σ(w·x+b)x',
    'σ(w·x+b)x+0.0001x',
    'ln(1+e^{w·x+b})x',
    'x',
    'w·x',
    'σ(w·x+b)sqrt(x·x)',
    'x/(1+e^{-(w·w+b)})',
    'ln(-1)x', // never has a value
    'σ(w·x+b)x + 0ln(-e^b)x',
  ])('is not %s', (answer) => {
    expect(checks(answer)).toBe(false);
  });
});

const of = (text: string, at: Record<string, number> = {}) => {
  const names = { scalars: Object.keys(at) };
  const point = Object.fromEntries(Object.entries(at).map(([name, value]) => [name, [value]]));
  return valueAt(parseExpression(text, names), point)[0];
};

describe('parseExpression', () => {
  it.each([
    ['1 + 2*3', 7],
    ['2^3^2', 512],
    ['-3^2', -9],
    ['2^-1', 0.5],
    ['8/4/2', 1],
    ['1-2-3', -4],
    ['2(3+4)', 14],
    ['1/2 4', 2],
    ['--2', 2],
    ['2e3 + .5', 2000.5],
    ['2e^0', 2],
    ['3[1+{2}]', 9],
    ['sin(pi/2) − cos(0)', 0],
    ['ln(e)log(e^2)', 2],
    ['sqrt(9)+tanh(0)+σ(0)', 3.5],
  ])('%s = %d', (text, value) => {
    expect(of(text)).toBeCloseTo(value, 12);
  });

  it('takes letters as the names that fit', () => {
    expect(of('xy', { x: 3, y: 4 })).toBe(12);
    expect(of('2xy^2', { x: 3, y: 4 })).toBe(96);
    expect(of('xy', { x: 3, y: 4, xy: 5 })).toBe(5);
    expect(of('xexp(0)', { x: 3 })).toBe(3);
    expect(of('e', { e: 3 })).toBe(3);
  });

  it.each([
    ['', 'it ends where'],
    ['1 +', 'it ends where'],
    ['(1', 'a parenthesis is not closed'],
    ['1)', 'nothing opens what ")" closes'],
    ['* 2', '"*" where a number or a name is expected'],
    ['x', '"x" at 1 is not understood'],
    ['sin 3', '"sin" needs its argument in parentheses'],
    ['1e400', '1e400 is too large'],
    ['process.exit()', '"p" at 1 is not understood'],
    ['1;2', '";" at 2'],
    ['('.repeat(400), 'nested more than 50 deep'],
    ['-'.repeat(400), 'nested more than 50 deep'],
    ['2^'.repeat(400), 'nested more than 50 deep'],
    ['sin('.repeat(200), 'nested more than 50 deep'],
    ['1'.repeat(100_000), '100000 characters; at most 1000'],
  ])('refuses %s', (text, message) => {
    expect(() => parseExpression(text, { scalars: [] })).toThrow(DataError);
    expect(() => parseExpression(text, { scalars: [] })).toThrow(message);
  });

  it.each(['w x', 'w+b', 'b·b', 'w/x', 'w^2', 'sin(w)', 'b/w', '2^w'])(
    'refuses %s of vectors w and x and a number b',
    (text) => {
      expect(() => parseExpression(text, NAMES)).toThrow(DataError);
    },
  );

  it('reads and evaluates the longest text that it takes at once', () => {
    const start = performance.now();
    const long = `${'1+'.repeat(499)}1`;
    expect(of(long)).toBe(500);
    // A tower whose values overflow: no value, no hang.
    const tower = `${'x^'.repeat(40)}x`;
    const names = { scalars: ['x'] };
    const e = parseExpression(tower, names);
    expect(agree(derivative(e, 'x'), parseExpression('1', names), { names })).toBe(false);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

test('I11 derivatives by the rules agree with differences, and their texts read back', () => {
  const names = { scalars: ['x', 'b'], vectors: ['w', 'v'] };
  const texts = [
    '3x^4-2x+7',
    'x^-2 + 1/x^3',
    'sin(2x)cos(x)',
    'exp(x^2)/(1+x^2)',
    'tanh(b x) - x tanh(b)',
    'sqrt(1+x^2)ln(1+x^2)',
    'σ(b-3x)',
    '(1+x^2)^x',
    '2^(x b)',
    '-(x-b)(x+b)',
    'x-(b-x)',
    'x/(b/x)',
    'w·w x + (w/(1+x^2))·(v+2x w)',
    'ln(1+e^{w·v x-b})',
  ];
  const random = randomStream(3);
  for (const text of texts) {
    const e = parseExpression(text, names);
    const slope = derivative(e, 'x');
    for (let i = 0; i < 5; i++) {
      const draw = () => [2 * random.uniform() - 1];
      const vector = () => [draw()[0]!, draw()[0]!];
      const point = { x: draw(), b: draw(), w: vector(), v: vector() };
      const at = (shift: number) => valueAt(e, { ...point, x: [point.x[0]! + shift] })[0]!;
      const h = 1e-5;
      const difference = (at(h) - at(-h)) / (2 * h);
      const exact = valueAt(slope, point)[0]!;
      if (!Number.isFinite(difference)) continue;
      expect(Math.abs(exact - difference), text).toBeLessThan(1e-5 * (1 + Math.abs(exact) ** 1.5));
      for (const shown of [e, slope]) {
        const again = valueAt(parseExpression(expressionText(shown), names), point)[0]!;
        const value = valueAt(shown, point)[0]!;
        expect(Math.abs(again - value), expressionText(shown)).toBeLessThan(
          1e-9 * (1 + Math.abs(value)),
        );
      }
    }
  }
});

test('gradients with respect to vectors', () => {
  const names = { scalars: ['b'], vectors: ['w', 'x'] };
  const gradient = (text: string, answer: string) =>
    agree(derivative(parseExpression(text, names), 'w'), parseExpression(answer, names), { names });
  expect(gradient('w·w', '2w')).toBe(true);
  expect(gradient('(b w + x)·(x - w)', 'b(x - w) - (b w + x)')).toBe(true);
  expect(gradient('w·x/(w·w)', 'x/(w·w) - 2(w·x)w/(w·w)^2')).toBe(true);
  expect(gradient('((w·x)w)·x', '2(w·x)x')).toBe(true);
});
