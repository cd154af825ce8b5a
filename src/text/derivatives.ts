// Derivatives of expressions by the rules, and expressions as text.
//
//   (uv)' = u v' + v u'      (u/v)' = (u' v - u v') / v²      (u^n)' = n u^(n-1) u'      (u^v)' = u^v (v' ln u + v u' / u)
//   f(u)' = f'(u) u'         with respect to a vector w the derivative is the gradient: of w·x it is x

import {
  binary,
  call,
  type Expression,
  type FunctionName,
  isVector,
  negative,
  number,
} from './expressions.ts';

/** f' by f. */
const SLOPES: Readonly<Record<FunctionName, (u: Expression) => Expression>> = {
  ln: (u) => over(ONE, u),
  exp: (u) => call('exp', u),
  sin: (u) => call('cos', u),
  cos: (u) => minus(call('sin', u)),
  tanh: (u) => difference(ONE, power(call('tanh', u), number(2))),
  sqrt: (u) => over(number(0.5), call('sqrt', u)),
  sigma: (u) => times(call('sigma', u), difference(ONE, call('sigma', u))),
};

const ZERO = number(0);
const ONE = number(1);

/** d e / d name of a scalar e; 0 where it does not depend on it. */
export function derivative(e: Expression, name: string): Expression {
  const d = (part: Expression) => derivative(part, name);
  switch (e.kind) {
    case 'number':
      return ZERO;
    case 'name':
      return e.name === name ? ONE : ZERO;
    case 'negative':
      return minus(d(e.of));
    case 'call':
      return times(SLOPES[e.name](e.of), d(e.of));
    case 'binary': {
      const { operator, left: u, right: v } = e;
      if (operator === '+') return plus(d(u), d(v));
      if (operator === '-') return difference(d(u), d(v));
      if (operator === '*') return plus(times(d(u), v), times(u, d(v)));
      if (operator === '·') return plus(pulled(u, v, name), pulled(v, u, name));
      if (operator === '^') return powerRule(u, v, d(u), d(v));
      return difference(over(d(u), v), over(times(u, d(v)), power(v, number(2))));
    }
  }
}

function powerRule(u: Expression, v: Expression, du: Expression, dv: Expression): Expression {
  if (isZero(dv)) return times(times(v, power(u, difference(v, ONE))), du);
  const logarithm = plus(times(dv, call('ln', u)), over(times(v, du), u));
  return times(binary('^', u, v), logarithm);
}

/** The derivative of u·v where v is held fixed: a vector in u turns into v. */
function pulled(u: Expression, v: Expression, name: string): Expression {
  if (u.kind === 'name') return u.name === name ? v : ZERO;
  if (u.kind === 'negative') return minus(pulled(u.of, v, name));
  if (u.kind !== 'binary') return ZERO;
  const { operator, left, right } = u;
  if (operator === '+') return plus(pulled(left, v, name), pulled(right, v, name));
  if (operator === '-') return difference(pulled(left, v, name), pulled(right, v, name));
  const [vector, scalar] = isVector(left) ? [left, right] : [right, left];
  const factor = operator === '/' ? over(ONE, scalar) : scalar;
  return plus(
    times(factor, pulled(vector, v, name)),
    times(binary('·', vector, v), derivative(factor, name)),
  );
}

// What is 0 or 1 is left out, and numbers are multiplied.

const isNumber = (e: Expression, value: number) => e.kind === 'number' && e.value === value;
const isZero = (e: Expression) => isNumber(e, 0);

/** Whether it is written with a minus in front. */
function isBelowZero(e: Expression): boolean {
  if (e.kind === 'number') return e.value < 0;
  if (e.kind === 'binary' && e.operator === '*') return isBelowZero(e.left);
  return e.kind === 'negative';
}

function minus(e: Expression): Expression {
  if (e.kind === 'number') return number(0 - e.value);
  if (e.kind === 'negative') return e.of;
  const scaled = e.kind === 'binary' && e.operator === '*' && e.left.kind === 'number';
  return scaled ? times(minus(e.left), e.right) : negative(e);
}

function plus(a: Expression, b: Expression): Expression {
  if (isZero(a)) return b;
  if (isZero(b)) return a;
  if (a.kind === 'number' && b.kind === 'number') return number(a.value + b.value);
  return isBelowZero(b) ? binary('-', a, minus(b)) : binary('+', a, b);
}

function difference(a: Expression, b: Expression): Expression {
  if (isZero(b)) return a;
  if (isZero(a)) return minus(b);
  if (a.kind === 'number' && b.kind === 'number') return number(a.value - b.value);
  return isBelowZero(b) ? binary('+', a, minus(b)) : binary('-', a, b);
}

/** A number comes first. */
export function times(a: Expression, b: Expression): Expression {
  if (isZero(a) || isZero(b)) return ZERO;
  if (isNumber(a, 1)) return b;
  if (isNumber(b, 1)) return a;
  if (a.kind === 'number' && b.kind === 'number') return number(a.value * b.value);
  if (b.kind === 'number') return times(b, a);
  if (a.kind === 'negative') return minus(times(a.of, b));
  if (b.kind === 'negative') return minus(times(a, b.of));
  if (b.kind === 'binary' && b.operator === '*' && b.left.kind === 'number')
    return times(times(a, b.left), b.right);
  if (a.kind === 'number' && b.kind === 'binary' && b.operator === '/')
    return over(times(a, b.left), b.right);
  return binary('*', a, b);
}

function over(a: Expression, b: Expression): Expression {
  if (isZero(a)) return ZERO;
  return isNumber(b, 1) ? a : binary('/', a, b);
}

export function power(base: Expression, exponent: Expression): Expression {
  if (isNumber(exponent, 0)) return ONE;
  return isNumber(exponent, 1) ? base : binary('^', base, exponent);
}

const RANK = { '+': 1, '-': 1, '*': 2, '/': 2, '·': 2, '^': 4 };
const rankOf = (e: Expression): number => {
  if (isBelowZero(e)) return 1;
  return e.kind === 'binary' ? RANK[e.operator] : 5;
};

/** The text of an expression, as short as `parseExpression` understands it: `-6x^2+cos(2x)`. */
export function expressionText(e: Expression): string {
  switch (e.kind) {
    case 'number':
      return String(e.value);
    case 'name':
      return e.name;
    case 'negative':
      return `-${inside(e.of, 2)}`;
    case 'call':
      return `${e.name}(${expressionText(e.of)})`;
    case 'binary': {
      const { operator, left, right } = e;
      const rank = RANK[operator];
      const [before, after] = [inside(left, operator === '^' ? 5 : rank), inside(right, rank + 1)];
      const joined = operator === '*' && left.kind === 'number' && !/^[\d.]/.test(after);
      // A minus at the beginning of a sum or a product needs no parentheses.
      const opens = operator !== '^' && isBelowZero(left);
      return `${opens ? expressionText(left) : before}${joined ? '' : operator}${after}`;
    }
  }
}

function inside(e: Expression, rank: number): string {
  const text = expressionText(e);
  return rankOf(e) < rank ? `(${text})` : text;
}
