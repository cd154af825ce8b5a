// Objectives that hide or disturb a part of a text and ask for it back: what goes in, and what has to come out
// (Raffel et al. 2020, table 3). Each takes the tokens (ids or words) and the choice that was made: which to hide, in which
// order. `denoise_draws.ts` draws such choices.
//
//                 inputs                                              targets
//   prefixLM      Thank you for inviting                              me to your party last week .
//   bert          Thank you <M> <M> me to your party apple week .     the original text
//   deshuffle     party me for your to . last you inviting week Thank the original text
//   mass          Thank you <M> <M> me to your party <M> week .       the original text
//   replaceSpans  Thank you <X> me to your party <Y> week .           <X> for inviting <Y> last <Z>
//   dropTokens    Thank you me to your party week .                   for inviting last
//   randomSpans   Thank you <X> to <Y> week .                         <X> for inviting me <Y> your party last <Z>

import { ConfigError } from '../errors.ts';

export interface Denoising<Token> {
  readonly inputs: Token[];
  readonly targets: Token[];
}

/** A run of tokens. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** The first `length` tokens go in, the others come out. */
export function prefixLM<Token>(tokens: readonly Token[], length: number): Denoising<Token> {
  if (!Number.isInteger(length) || length < 0 || length > tokens.length) {
    throw new ConfigError(
      `prefixLM: a prefix of ${length} of ${tokens.length} tokens; expected 0 to ${tokens.length}`,
    );
  }
  return { inputs: tokens.slice(0, length), targets: tokens.slice(length) };
}

/** Some tokens are replaced: by a mask, by others, or by themselves (Devlin et al. 2019). All of the text comes out. */
export function bert<Token>(
  tokens: readonly Token[],
  replacements: ReadonlyMap<number, Token>,
): Denoising<Token> {
  for (const at of replacements.keys()) requirePosition('bert', at, tokens.length);
  const inputs = tokens.map((token, i) => (replacements.has(i) ? replacements.get(i)! : token));
  return { inputs, targets: [...tokens] };
}

/** The tokens in the order `order`: a permutation of 0 … length - 1. */
export function deshuffle<Token>(
  tokens: readonly Token[],
  order: readonly number[],
): Denoising<Token> {
  if (order.length !== tokens.length || new Set(order).size !== order.length) {
    throw new ConfigError(
      `deshuffle: ${order.length} positions, ${new Set(order).size} of them different, for ${tokens.length} tokens; ` +
        'expected each position once',
    );
  }
  for (const at of order) requirePosition('deshuffle', at, tokens.length);
  return { inputs: order.map((at) => tokens[at]!), targets: [...tokens] };
}

/** Every token of the noise is replaced by the same mask (Song et al. 2019). All of the text comes out. */
export function mass<Token>(
  tokens: readonly Token[],
  noise: readonly boolean[],
  mask: Token,
): Denoising<Token> {
  requireNoise('mass', noise, tokens.length);
  return { inputs: tokens.map((token, i) => (noise[i] ? mask : token)), targets: [...tokens] };
}

/**
 * Each run of noise is replaced by a sentinel of its own; out come the sentinels, each with what it stands for, and one
 * more as the end. `sentinel(0)` is the first.
 */
export function replaceSpans<Token>(
  tokens: readonly Token[],
  noise: readonly boolean[],
  sentinel: (span: number) => Token,
): Denoising<Token> {
  requireNoise('replaceSpans', noise, tokens.length);
  const inputs: Token[] = [];
  const targets: Token[] = [];
  let spans = 0;
  for (const [i, token] of tokens.entries()) {
    if (!noise[i]) inputs.push(token);
    else {
      if (!noise[i - 1]) {
        inputs.push(sentinel(spans));
        targets.push(sentinel(spans++));
      }
      targets.push(token);
    }
  }
  targets.push(sentinel(spans));
  return { inputs, targets };
}

/** The noise is left out, and comes out. */
export function dropTokens<Token>(
  tokens: readonly Token[],
  noise: readonly boolean[],
): Denoising<Token> {
  requireNoise('dropTokens', noise, tokens.length);
  return {
    inputs: tokens.filter((_, i) => !noise[i]),
    targets: tokens.filter((_, i) => noise[i]),
  };
}

/** As `replaceSpans`, by the spans themselves. They may not overlap; of adjacent ones each has its sentinel. */
export function randomSpans<Token>(
  tokens: readonly Token[],
  spans: readonly Span[],
  sentinel: (span: number) => Token,
): Denoising<Token> {
  const inputs: Token[] = [];
  const targets: Token[] = [];
  let end = 0;
  for (const [n, { start, length }] of spans.entries()) {
    if (!(start >= end && length >= 1 && start + length <= tokens.length)) {
      throw new ConfigError(
        `randomSpans: span ${n} is ${length} tokens from ${start} on; expected spans in order, apart from each other, ` +
          `within ${tokens.length} tokens`,
      );
    }
    inputs.push(...tokens.slice(end, start), sentinel(n));
    targets.push(sentinel(n), ...tokens.slice(start, start + length));
    end = start + length;
  }
  inputs.push(...tokens.slice(end));
  targets.push(sentinel(spans.length));
  return { inputs, targets };
}

/**
 * Masked language modelling as an encoder learns it: the text with its replacements goes in, and only where something was
 * replaced (if by itself) a token has to come out; everywhere else the target is `ignored`.
 */
export function masked<Token>(
  tokens: readonly Token[],
  replacements: ReadonlyMap<number, Token>,
  ignored: Token,
): Denoising<Token> {
  const { inputs } = bert(tokens, replacements);
  return { inputs, targets: tokens.map((token, i) => (replacements.has(i) ? token : ignored)) };
}

function requirePosition(name: string, at: number, length: number): void {
  if (Number.isInteger(at) && at >= 0 && at < length) return;
  throw new ConfigError(`${name}: position ${at} is not one of 0 to ${length - 1}`);
}

function requireNoise(name: string, noise: readonly boolean[], length: number): void {
  if (noise.length === length) return;
  throw new ConfigError(`${name}: noise for ${noise.length} of ${length} tokens`);
}
