// Random and adversarial texts for tokenizers: every plane of Unicode, lone surrogates, runs of white space, digits,
// emoji, scripts from right to left, contractions, and ordinary words, in any order.

import fc from 'fast-check';

const codePoint = (min: number, max: number) =>
  fc.integer({ min, max }).map((code) => String.fromCodePoint(code));

/** One of the 17 planes, then one of its code points; the first has the surrogates, alone or in pairs by chance. */
const anyPlane = fc
  .integer({ min: 0, max: 16 })
  .chain((plane) => codePoint(plane << 16, (plane << 16) + 0xffff));

const runOf = (...parts: string[]) =>
  fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 12 }).map((run) => run.join(''));

const whiteSpace = [
  ' ',
  ' ',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '\v',
  '\f',
  '\u0085',
  '\u00a0',
  '\u1680',
].concat([
  '\u2003',
  '\u2028',
  '\u2029',
  '\u202f',
  '\u205f',
  '\u3000',
  '\ufeff',
  '\u200b',
  '\u180e',
  '\x1c',
]);
const digits = [...'0123456789', '٣', '५', '²', '½', 'Ⅷ', '㊿', '𝟘', '一'];
const emoji = ['😀', '👍🏽', '👩‍👩‍👧‍👦', '🇩🇪', '❤️', '🏴‍☠️', '1️⃣', '🫠'];
const rightToLeft = ['مرحبا', 'שלום', 'بِسْمِ', '\u200f', '\u202e', 'אָ', '٪', '،'];
const contractions = ["'s", "'S", "'t", "'LL", "'ll", "'Ve", "'re", "'d", "'M", "'ſ", '’s', "'"];
const words = [
  'the',
  ' the',
  'Hello',
  'WORLD',
  'camelCase',
  'ǅungla',
  'naïve',
  'e\u0301',
  '什么是机器学习',
  '機械学習',
  'ไทย',
].concat([
  ' don',
  'GPT-4',
  'a/b//c',
  '/\n',
  '!!!\r\n',
  '...',
  ' (',
  '_',
  '_the_',
  '=>',
  '\0',
  '\u{10ffff}',
  'ʰ',
  'ª',
]);

const segment = fc.oneof(
  anyPlane,
  runOf(...whiteSpace),
  runOf(...digits),
  runOf(...emoji),
  runOf(...rightToLeft),
  runOf(...contractions),
  runOf(...words),
  fc.constantFrom(...words, ' ', '\n'),
  fc.constantFrom('\ud800', '\udfff', '\ude00\ud83d', '\ud83d'),
  codePoint(0, 0x7f),
  codePoint(0xd700, 0xe0ff),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);

/** The same texts every time. */
export function adversarialStrings(count: number, seed = 1): string[] {
  const text = fc.array(segment, { maxLength: 12 }).map((parts) => parts.join(''));
  return fc.sample(text, { numRuns: count, seed });
}

/** With U+FFFD for each half of a surrogate pair, as UTF-8 has it. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
