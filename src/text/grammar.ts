// Text whose truth is known: a probabilistic automaton that writes stories, and its exact entropy.
//
// A state offers choices; a choice writes its text with probability weight / (sum of weights) and leads to the
// next state, or ends the story. At no state is one choice's text a prefix of another's. So the text determines the
// choices that made it (a prefix code), the entropy of the text is the entropy of the choices, and for a corpus
// of independent stories
//
//   H(s) = Σ p (-ln p + H(next))       L(s) = Σ p (|text| + L(next))       rate = H(start) / L(start)
//
// is the loss, in nats per character, that no model beats and that a perfect one reaches.

import { DataError } from '../errors.ts';
import { randomStream } from '../tensor/philox.ts';
import { STORIES } from './stories.ts';

/** One way on from a state. */
export interface Choice {
  readonly text: string;
  /** A positive integer; probabilities are proportional to it. */
  readonly weight: number;
  /** Null ends the story. */
  readonly next: State | null;
}

/** A state of the automaton. Two states with the same key offer the same choices. */
export interface State {
  readonly key: string;
  choices(): readonly Choice[];
}

const STREAM = 0x73746f72; // 'stor': the draws of a seed that belong to corpora

/**
 * Independent stories, one per line, until there are at least `characters` characters; the last story is whole.
 * The same seed gives the same text, and a longer corpus begins with the shorter one.
 */
export function generateCorpus({
  seed,
  characters,
  grammar = STORIES,
}: {
  seed: number;
  characters: number;
  grammar?: State;
}): string {
  const random = randomStream(seed, STREAM);
  const texts: string[] = [];
  let written = 0;
  while (written < characters) {
    for (let state: State | null = grammar; state !== null; ) {
      const choice = draw(state.choices(), random.integer);
      texts.push(choice.text);
      written += choice.text.length;
      state = choice.next;
    }
  }
  return texts.join('');
}

function draw(choices: readonly Choice[], integer: (n: number) => number): Choice {
  let rest = integer(totalWeight(choices));
  return choices.find((choice) => (rest -= choice.weight) < 0)!;
}

function totalWeight(choices: readonly Choice[]): number {
  return choices.reduce((sum, choice) => sum + choice.weight, 0);
}

export interface EntropyRate {
  /** Entropy of one story, in nats. */
  readonly storyNats: number;
  /** Expected length of one story, in characters. */
  readonly storyCharacters: number;
  /** storyNats / storyCharacters: the floor of a character model's loss. */
  readonly natsPerCharacter: number;
  readonly bitsPerCharacter: number;
}

/** The exact entropy rate of corpora of `grammar`, by dynamic programming over its states. */
export function entropyRate(grammar: State = STORIES): EntropyRate {
  const known = new Map<string, { nats: number; characters: number }>();
  const visit = (state: State) => {
    const before = known.get(state.key);
    if (before) return before;
    const choices = state.choices();
    const total = totalWeight(choices);
    let nats = 0;
    let characters = 0;
    for (const { text, weight, next } of choices) {
      const rest = next === null ? { nats: 0, characters: 0 } : visit(next);
      const p = weight / total;
      nats += p * (-Math.log(p) + rest.nats);
      characters += p * (text.length + rest.characters);
    }
    const result = { nats, characters };
    known.set(state.key, result);
    return result;
  };
  const { nats: storyNats, characters: storyCharacters } = visit(grammar);
  const natsPerCharacter = storyNats / storyCharacters;
  return {
    storyNats,
    storyCharacters,
    natsPerCharacter,
    bitsPerCharacter: natsPerCharacter / Math.LN2,
  };
}

/** ln p of one whole story. @throws DataError for a text that is not exactly one story of the grammar. */
export function logProbability(story: string, grammar: State = STORIES): number {
  let logP = 0;
  let at = 0;
  for (let state: State | null = grammar; state !== null; ) {
    const choices = state.choices();
    const choice = chosen(choices, story, at);
    if (choice === undefined || !story.startsWith(choice.text, at)) throw notWritten(story, at);
    logP += Math.log(choice.weight / totalWeight(choices));
    at += choice.text.length;
    state = choice.next;
  }
  if (at !== story.length) throw notWritten(story, at);
  return logP;
}

/**
 * -ln p(character | all text before it), in nats, for each character of a corpus that begins with a story and may
 * break off within one. Its mean over some positions is the loss of a perfect model on just these positions.
 * @throws DataError where the grammar cannot have written the text.
 */
export function surprisals(text: string, grammar: State = STORIES): Float64Array {
  const { nats, failedAt } = follow(text, grammar);
  if (failedAt !== null) throw notWritten(text, failedAt);
  return nats;
}

/** The same for as much of the text as the grammar can have written: of that length. */
export function surprisalsWhilePossible(text: string, grammar: State = STORIES): Float64Array {
  return follow(text, grammar).nats;
}

/** Surprisals up to the first character that is impossible, and where the choice that led there began; null: all of them. */
function follow(text: string, grammar: State): { nats: Float64Array; failedAt: number | null } {
  const nats = new Float64Array(text.length);
  let written = 0;
  let state = grammar;
  for (let at = 0; at < text.length; ) {
    const choice = chosen(state.choices(), text, at, (p) => (nats[written++] = -Math.log(p)));
    if (choice === undefined) return { nats: nats.slice(0, written), failedAt: at };
    at += choice.text.length;
    state = choice.next ?? grammar;
  }
  return { nats, failedAt: null };
}

/**
 * The choice that wrote `text` from `at` on (any one that agrees with it, where the text ends within the choice).
 * Tells `onCharacter` each character's probability given the characters before it.
 */
function chosen(
  choices: readonly Choice[],
  text: string,
  at: number,
  onCharacter?: (p: number) => void,
): Choice | undefined {
  let possible = choices;
  let weight = totalWeight(choices);
  for (let offset = 0; at + offset < text.length; offset++) {
    possible = possible.filter((choice) => choice.text[offset] === text[at + offset]);
    if (possible.length === 0) return undefined;
    const remaining = totalWeight(possible);
    onCharacter?.(remaining / weight);
    weight = remaining;
    if (offset + 1 === possible[0]!.text.length) break;
  }
  return possible[0];
}

function notWritten(text: string, at: number): DataError {
  const place = JSON.stringify(text.slice(at, at + 20));
  return new DataError(
    `grammar: no story of this grammar goes on with ${place} at character ${at}`,
  );
}
