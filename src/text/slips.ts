// Slips of the pen: what is right, with one sign of it changed. Texts of people are like that now and then.

import type { RandomStream } from '../tensor/philox.ts';

/** Signs that are taken for one another. */
const ALIKE = ['0123456789', '+-', 'ABCDEF'];

/** One sign of the text, drawn evenly among its digits, pluses and minuses, or else its letters A to F, is another of its kind. */
export function withSlip(text: string, random: RandomStream): string {
  const places = (kinds: readonly string[]) =>
    [...text].flatMap((sign, at) => {
      const kind = kinds.find((signs) => signs.includes(sign));
      return kind ? [{ at, others: kind.replace(sign, '') }] : [];
    });
  const [digitsAndSigns, letters] = [places(ALIKE.slice(0, 2)), places(ALIKE.slice(2))];
  const candidates = digitsAndSigns.length > 0 ? digitsAndSigns : letters;
  if (candidates.length === 0) return text;
  const { at, others } = candidates[random.integer(candidates.length)]!;
  return text.slice(0, at) + others[random.integer(others.length)]! + text.slice(at + 1);
}
