// Reading algebra as people write it: `3x^2`, `σ(w·x+b)x`, `e^{-z}/(1+e^{-z})`.
//
//   sum     = product { (+|-) product }          product = unary { (*|·|/) unary | power }      2x^2 is 2 times x^2
//   unary   = - unary | power                     power   = atom [ ^ unary ]                     -x^2 is -(x^2), 2^3^2 is 2^9
//   atom    = number | name | function ( sum ) | ( sum )          braces and brackets are parentheses
// Products are read from the left: 1/2x is x/2. Nothing is evaluated but by `valueAt`.

import { DataError } from '../errors.ts';
import {
  binary,
  call,
  type Expression,
  type FunctionName,
  type Names,
  negative,
  number,
  type Operator,
} from './expressions.ts';

const MOST_CHARACTERS = 1000;
const MOST_DEPTH = 50;

/** Functions by what they are called. */
const CALLED: Readonly<Record<string, FunctionName>> = {
  ...{ ln: 'ln', log: 'ln', exp: 'exp', sin: 'sin', cos: 'cos', tanh: 'tanh', sqrt: 'sqrt' },
  ...{ sigma: 'sigma', sigmoid: 'sigma', σ: 'sigma' },
};
const CONSTANTS: Readonly<Record<string, number>> = { e: Math.E, pi: Math.PI, π: Math.PI };
const SIGNS: Readonly<Record<string, string>> = {
  ...{ '−': '-', '–': '-', '×': '*', '⋅': '·' },
  ...{ '{': '(', '[': '(', '}': ')', ']': ')' },
};

const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/;

/**
 * The expression that the text is. Letters are names and functions, the longest that fit from the left: `wx` is w times x
 * where there is no `wx`.
 * @throws DataError that tells what is wrong and where.
 */
export function parseExpression(text: string, names: Names): Expression {
  const fail = (problem: string): never => {
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new DataError(`expression ${JSON.stringify(shown)}: ${problem}`);
  };
  if (text.length > MOST_CHARACTERS)
    fail(`${text.length} characters; at most ${MOST_CHARACTERS} are read`);
  try {
    return new Parser(tokensOf(text, names), names).parse();
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Numbers, words, and signs in their one form. */
function tokensOf(text: string, { scalars, vectors = [] }: Names): string[] {
  const words = [...scalars, ...vectors, ...Object.keys(CALLED), ...Object.keys(CONSTANTS)];
  words.sort((a, b) => b.length - a.length);
  const tokens: string[] = [];
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const sign = SIGNS[rest[0]!] ?? rest[0]!;
    if (/\s/.test(sign)) {
      at++;
      continue;
    }
    const known = words.find((word) => rest.startsWith(word));
    const token = NUMBER.exec(rest)?.[0] ?? known;
    if (token === undefined && !'+-*/^·()'.includes(sign))
      throw new DataError(`${JSON.stringify(rest[0])} at ${at + 1} is not understood`);
    tokens.push(token ?? sign);
    at += (token ?? sign).length;
  }
  return tokens;
}

class Parser {
  #at = 0;
  #depth = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly names: Names,
  ) {}

  parse(): Expression {
    const all = this.#sum();
    if (this.#next !== undefined) throw new DataError(`nothing opens what "${this.#next}" closes`);
    return all;
  }

  get #next(): string | undefined {
    return this.tokens[this.#at];
  }

  #takes(...signs: readonly string[]): string | null {
    const next = this.#next;
    if (next === undefined || !signs.includes(next)) return null;
    this.#at++;
    return next;
  }

  #sum(): Expression {
    let left = this.#product();
    for (let sign: string | null; (sign = this.#takes('+', '-')); )
      left = binary(sign as Operator, left, this.#product());
    return left;
  }

  #product(): Expression {
    let left = this.#unary();
    for (;;) {
      const sign = this.#takes('*', '·', '/');
      if (sign) left = binary(sign as Operator, left, this.#unary());
      else if (this.#next === undefined || '+-^)'.includes(this.#next)) return left;
      else left = binary('*', left, this.#power());
    }
  }

  /** Every way down leads through here. */
  #unary(): Expression {
    if (++this.#depth > MOST_DEPTH) throw new DataError(`nested more than ${MOST_DEPTH} deep`);
    const read = this.#takes('-') ? negative(this.#unary()) : this.#power();
    this.#depth--;
    return read;
  }

  #power(): Expression {
    const base = this.#atom();
    return this.#takes('^') ? binary('^', base, this.#unary()) : base;
  }

  #atom(): Expression {
    const token = this.tokens[this.#at++];
    if (token === undefined) throw new DataError('it ends where a number or a name is expected');
    if (token === '(') return this.#closed();
    const { scalars, vectors = [] } = this.names;
    if (vectors.includes(token)) return { kind: 'name', name: token, vector: true };
    if (scalars.includes(token)) return { kind: 'name', name: token, vector: false };
    if (Object.hasOwn(CONSTANTS, token)) return number(CONSTANTS[token]!);
    if (Object.hasOwn(CALLED, token)) {
      if (!this.#takes('(')) throw new DataError(`"${token}" needs its argument in parentheses`);
      return call(CALLED[token]!, this.#closed());
    }
    if (!/[\d]/.test(token)) throw new DataError(`"${token}" where a number or a name is expected`);
    const value = Number(token);
    if (!Number.isFinite(value)) throw new DataError(`${token} is too large for a number`);
    return number(value);
  }

  #closed(): Expression {
    const inside = this.#sum();
    if (!this.#takes(')')) throw new DataError('a parenthesis is not closed');
    return inside;
  }
}
