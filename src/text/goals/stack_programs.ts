// A language small enough to check: programs of a stack machine, and the formulas that they compute.
//
//   program   x 2 + 3 *          words push x or a number, or combine the two on top of the stack
//   formula   (x + 2) * 3

export type Sign = '+' | '-' | '*';
export type Formula = number | 'x' | readonly [Sign, Formula, Formula];

const SIGNS: Readonly<Record<Sign, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
};
const isSign = (word: string): word is Sign => Object.hasOwn(SIGNS, word);

export function evaluate(formula: Formula, x: number): number {
  if (formula === 'x') return x;
  if (typeof formula === 'number') return formula;
  const [sign, a, b] = formula;
  return SIGNS[sign](evaluate(a, x), evaluate(b, x));
}

export function programOf(formula: Formula): string {
  if (typeof formula !== 'object') return String(formula);
  const [sign, a, b] = formula;
  return `${programOf(a)} ${programOf(b)} ${sign}`;
}

/** Every part in parentheses but the whole. */
export function textOf(formula: Formula): string {
  if (typeof formula !== 'object') return String(formula);
  const [sign, ...parts] = formula;
  const [a, b] = parts.map((part) =>
    typeof part === 'object' ? `(${textOf(part)})` : textOf(part),
  );
  return `${a} ${sign} ${b}`;
}

/** A formula, or why there is none. */
export type Read = { readonly formula: Formula } | { readonly fault: string };

/** The formula that a program computes. */
export function runProgram(program: string): Read {
  const stack: Formula[] = [];
  for (const word of program.split(' ')) {
    if (word === 'x') stack.push('x');
    else if (/^\d{1,3}$/.test(word)) stack.push(Number(word));
    else if (!isSign(word)) return { fault: `${JSON.stringify(word)} is no word of the language` };
    else {
      const [b, a] = [stack.pop(), stack.pop()];
      if (a === undefined || b === undefined) return { fault: `the stack is empty at ${word}` };
      stack.push([word, a, b]);
    }
  }
  return stack.length === 1
    ? { formula: stack[0]! }
    : { fault: `${stack.length} values are left on the stack` };
}

/** Reads a formula with its parentheses, * before + and -. */
export function readFormula(text: string): Read {
  const words = text.match(/\d+|[x()+*-]|\S/g) ?? [];
  let at = 0;
  const operand = (): Formula | null => {
    const word = words[at++] ?? '';
    if (word === 'x') return 'x';
    if (/^\d{1,3}$/.test(word)) return Number(word);
    if (word !== '(') return null;
    const inner = chain(0);
    return words[at++] === ')' ? inner : null;
  };
  const chain = (level: 0 | 1): Formula | null => {
    const signs = level === 0 ? ['+', '-'] : ['*'];
    const part = () => (level === 0 ? chain(1) : operand());
    let left = part();
    while (left !== null && signs.includes(words[at] ?? '')) {
      const sign = words[at++] as Sign;
      const right = part();
      left = right === null ? null : [sign, left, right];
    }
    return left;
  };
  const formula = chain(0);
  return at === words.length && formula !== null ? { formula } : { fault: 'this is no formula' };
}

/** Polynomials of a degree below ten that agree at ten places are the same. */
export function differ(a: Formula, b: Formula): { x: number; a: number; b: number } | null {
  for (let x = -4; x <= 5; x++) {
    const [found, expected] = [evaluate(a, x), evaluate(b, x)];
    if (found !== expected) return { x, a: found, b: expected };
  }
  return null;
}
