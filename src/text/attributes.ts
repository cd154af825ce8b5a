// Attribute documents: products of two attributes, a colour and a height, each with the answer of one hidden rule. A document
// is many lines of one rule, `red, 12 cm tall? Yes`, so that a model of such documents learns to find a rule from examples in
// its context. Rules are drawn from a known prior, and so the best that any classifier can do is known too (`posterior`).
//
//   limit[colour] = usual[colour] + shift + own[colour]        good: height <= limit
//
// `shift` is the same for all colours, and both parts are uniform. The usual limits are what there is to know without
// examples; a few examples tell the shift; a colour's own part takes examples of that colour.

import { type RandomStream, randomStream } from '../tensor/philox.ts';
import { pattern, YES_NO } from './patterns.ts';
import { phraseTokenizer } from './phrases.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface Product {
  /** Index in `COLOURS`. */
  readonly colour: number;
  /** In cm, from 1 to `HEIGHTS`. */
  readonly height: number;
}

export interface LabelledProduct extends Product {
  readonly good: boolean;
}

/** The highest good product of each colour. */
export type Rule = readonly number[];

export const COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'violet', 'brown', 'white'];
export const HEIGHTS = 32;
/** How many there are. */
export const PRODUCTS = COLOURS.length * HEIGHTS;
/** Of each colour the limit in the middle of all rules. */
const USUAL = [20, 14, 18, 16, 13, 19, 15, 17];
/** Most of `shift` and of `own`, up and down. */
const SHIFT = 10;
const OWN = 4;

/** A line of a document. */
export const LINE = pattern('\n[input]? [label]');
const UNKNOWN = 'N/A';
/** An input without content. */
export const NO_PRODUCT = describe({ colour: null, height: null });

const STREAM = 0x61747472; // 'attr': the draws of a seed that belong to attribute documents

export interface Task {
  readonly rule: Rule;
  /** Every product there is, in an order of the task's own. */
  readonly products: readonly LabelledProduct[];
}

/**
 * Task number `index` of a seed.
 * @param heldOut whether its rule is one of the eighth of all rules that no document has
 */
export function drawTask(seed: number, index: number, { heldOut = false } = {}): Task {
  const random = randomStream(seed, STREAM, { step: index });
  let rule = drawRule(random);
  while (isHeldOut(rule) !== heldOut) rule = drawRule(random);
  const all = COLOURS.flatMap((_, colour) =>
    Array.from({ length: HEIGHTS }, (_, i) => ({ colour, height: i + 1 })),
  );
  const products = random.shuffle(all).map((x) => ({ ...x, good: isGood(rule, x) }));
  return { rule, products };
}

function drawRule(random: RandomStream): Rule {
  const shift = around(random, SHIFT);
  return USUAL.map((usual) => usual + shift + around(random, OWN));
}

/** Uniform over -most .. most. */
const around = (random: RandomStream, most: number) => random.integer(2 * most + 1) - most;

/** By the sum of the limits, which tells nothing about any one of them. */
export function isHeldOut(rule: Rule): boolean {
  return rule.reduce((sum, limit) => sum + limit, 0) % 8 === 0;
}

export function isGood(rule: Rule, { colour, height }: Product): boolean {
  return height <= rule[colour]!;
}

/** `red, 12 cm tall`; what is not known is N/A. */
export function describe({
  colour,
  height,
}: {
  readonly colour: number | null;
  readonly height: number | null;
}): string {
  const name = colour === null ? UNKNOWN : COLOURS[colour];
  return `${name}, ${height === null ? UNKNOWN : `${height} cm tall`}`;
}

/** Share of the colours, and of the heights, that a document does not tell. */
const UNTOLD = 0.05;
const UNTOLD_STREAM = STREAM + 1;

/** Document number `index` of a seed: a rule that is not held out, one product a line. */
export function attributeDocument(seed: number, index: number, lines: number): string {
  const { products } = drawTask(seed, index);
  const random = randomStream(seed, UNTOLD_STREAM, { step: index });
  const told = <T>(value: T) => (random.uniform() < UNTOLD ? null : value);
  return products
    .slice(0, lines)
    .map((product) => {
      const { colour, height } = product;
      const input = describe({ colour: told(colour), height: told(height) });
      return LINE.filled(input, YES_NO[labelOf(product)]);
    })
    .join('');
}

/** A label of `YES_NO`. */
export const labelOf = ({ good }: LabelledProduct): 'yes' | 'no' => (good ? 'yes' : 'no');

/** Three tokens a line: the colour, the height with the question, the answer. */
export function attributeTokenizer(): Tokenizer {
  const colours = [...COLOURS, UNKNOWN].map((name) => `\n${name}`);
  const heights = Array.from({ length: HEIGHTS }, (_, i) => `, ${i + 1} cm tall?`);
  const answers = Object.values(YES_NO).map((word) => `${LINE.gap}${word}`);
  return phraseTokenizer([...colours, ...heights, `, ${UNKNOWN}?`, ...answers]);
}

/**
 * P(good | examples) of a product under the prior of the rules: the sum over the shifts, of each the share of every colour's
 * own parts that agree with the examples. That some rules are held out is left aside.
 */
export function posterior(examples: readonly LabelledProduct[], product: Product): number {
  const good = evidence([...examples, { ...product, good: true }]);
  return good / (good + evidence([...examples, { ...product, good: false }]));
}

/** P(the examples' labels). */
function evidence(examples: readonly LabelledProduct[]): number {
  const ranges = COLOURS.map((_, colour) => agreeingLimits(examples, colour));
  let total = 0;
  for (let shift = -SHIFT; shift <= SHIFT; shift++) {
    const shares = ranges.map(([low, high], colour) => {
      const middle = USUAL[colour]! + shift;
      const count = Math.min(high, middle + OWN) - Math.max(low, middle - OWN) + 1;
      return Math.max(0, count) / (2 * OWN + 1);
    });
    total += shares.reduce((product, share) => product * share, 1) / (2 * SHIFT + 1);
  }
  return total;
}

/** The lowest and the highest limit of a colour that agree with the examples. */
function agreeingLimits(examples: readonly LabelledProduct[], colour: number) {
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const { colour: c, height, good } of examples) {
    if (c !== colour) continue;
    if (good) low = Math.max(low, height);
    else high = Math.min(high, height - 1);
  }
  return [low, high] as const;
}
