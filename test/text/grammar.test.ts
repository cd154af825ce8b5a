import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import {
  type Choice,
  entropyRate,
  generateCorpus,
  logProbability,
  type State,
  surprisals,
} from '../../src/text/grammar.ts';
import { STORIES } from '../../src/text/stories.ts';

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

/** Stories with a fact carried along and a loop that ends: `a!` or `b!`, then it again 0 to 2 times. */
const TOY: State = {
  key: 'start',
  choices: () => [
    { text: 'a!', weight: 3, next: repeat('a', 0) },
    { text: 'b!', weight: 1, next: repeat('b', 0) },
  ],
};
function repeat(letter: string, count: number): State {
  return {
    key: `${letter}${count}`,
    choices: () => [
      { text: '\n', weight: 1 + count, next: null },
      ...(count < 2 ? [{ text: letter, weight: 2, next: repeat(letter, count + 1) }] : []),
    ],
  };
}

/** Every story with its probability, by walking all paths. */
function allStories(state: State | null, text = '', p = 1): { text: string; p: number }[] {
  if (state === null) return [{ text, p }];
  const choices = state.choices();
  const total = sum(choices.map((c) => c.weight));
  return choices.flatMap((c) => allStories(c.next, text + c.text, (p * c.weight) / total));
}

function allStates(start: State): State[] {
  const seen = new Map<string, State>();
  const waiting = [start];
  for (let state = waiting.pop(); state; state = waiting.pop()) {
    if (seen.has(state.key)) continue;
    seen.set(state.key, state);
    for (const { next } of state.choices()) if (next && !seen.has(next.key)) waiting.push(next);
  }
  return [...seen.values()];
}

describe('a grammar whose stories can be listed', () => {
  const stories = allStories(TOY);

  it('gives probabilities that add up to one, each as logProbability says', () => {
    expect(stories).toHaveLength(6);
    expect(sum(stories.map(({ text }) => Math.exp(logProbability(text, TOY))))).toBeCloseTo(1, 14);
    for (const { text, p } of stories)
      expect(logProbability(text, TOY)).toBeCloseTo(Math.log(p), 12);
  });

  it('has the entropy and the length of the list', () => {
    const { storyNats, storyCharacters, natsPerCharacter, bitsPerCharacter } = entropyRate(TOY);
    expect(storyNats).toBeCloseTo(-sum(stories.map(({ p }) => p * Math.log(p))), 12);
    expect(storyCharacters).toBeCloseTo(sum(stories.map(({ text, p }) => p * text.length)), 12);
    expect(natsPerCharacter).toBeCloseTo(storyNats / storyCharacters, 15);
    expect(bitsPerCharacter).toBeCloseTo(natsPerCharacter / Math.log(2), 15);
  });

  it('of a fair coin has one bit per two characters', () => {
    const coin: State = {
      key: 'coin',
      choices: () => ['h\n', 't\n'].map((text) => ({ text, weight: 1, next: null })),
    };
    expect(entropyRate(coin).bitsPerCharacter).toBeCloseTo(0.5, 15);
  });

  it('writes each story as often as its probability says', () => {
    const corpus = generateCorpus({ seed: 3, characters: 60_000, grammar: TOY });
    const written = corpus.split(/(?<=\n)/);
    for (const { text, p } of stories) {
      const count = written.filter((story) => story === text).length;
      expect(Math.abs(count - p * written.length)).toBeLessThan(
        4 * Math.sqrt(p * (1 - p) * written.length),
      );
    }
  });
});

describe('the built-in stories', () => {
  const corpus = generateCorpus({ seed: 1, characters: 300_000 });
  const stories = corpus.split(/(?<=\n)/);
  const rate = entropyRate();

  it('sampled -ln p per character converges to the exact rate, within three standard errors', () => {
    // Ratio estimator: the residuals -ln p - rate * length have mean 0 exactly when the rate is right.
    const residuals = stories.map(
      (story) => -logProbability(story) - rate.natsPerCharacter * story.length,
    );
    const mean = sum(residuals) / stories.length;
    const deviation = Math.sqrt(sum(residuals.map((r) => (r - mean) ** 2)) / (stories.length - 1));
    expect(Math.abs(mean)).toBeLessThan((3 * deviation) / Math.sqrt(stories.length));
    // The check is sharp enough to notice a rate that is off by three per cent.
    expect(deviation / Math.sqrt(stories.length)).toBeLessThan(0.01 * rate.storyNats);
  });

  it('have the exact expected length, within three standard errors', () => {
    const mean = corpus.length / stories.length;
    const variance = sum(stories.map((story) => (story.length - mean) ** 2)) / stories.length;
    expect(Math.abs(mean - rate.storyCharacters)).toBeLessThan(
      3 * Math.sqrt(variance / stories.length),
    );
  });

  it('determine their derivation: at no state is a text a prefix of another', () => {
    const ambiguous = allStates(STORIES).filter((state) => {
      // In sorted order a text that extends another stands right behind it, or behind a longer extension.
      const texts = state
        .choices()
        .map((choice) => choice.text)
        .sort();
      return texts.some((text, i) => text === '' || texts[i + 1]?.startsWith(text));
    });
    expect(ambiguous.map((state) => state.key)).toEqual([]);
  });

  it('keep the same choices under the same key', () => {
    const byKey = new Map<string, string>();
    const visit = (state: State, choices: readonly Choice[]) => {
      const offered = JSON.stringify(
        choices.map(({ text, weight, next }) => [text, weight, next?.key]),
      );
      expect(byKey.get(state.key) ?? offered).toBe(offered);
      byKey.set(state.key, offered);
    };
    for (const story of stories.slice(0, 500)) {
      let at = 0;
      for (let state: State | null = STORIES; state !== null; ) {
        const choices: readonly Choice[] = state.choices();
        visit(state, choices);
        const choice: Choice = choices.find((c) => story.startsWith(c.text, at))!;
        at += choice.text.length;
        state = choice.next;
      }
      expect(at).toBe(story.length);
    }
  });

  it('are a corpus that a small model can learn: 30 to 50 characters, and far below a uniform guess', () => {
    const alphabet = new Set(corpus);
    expect(alphabet.size).toBeGreaterThanOrEqual(30);
    expect(alphabet.size).toBeLessThanOrEqual(50);
    expect(rate.natsPerCharacter).toBeGreaterThan(0.1);
    expect(rate.natsPerCharacter).toBeLessThan(0.9);
  });

  it('agree in themselves: the pronoun with the name, the thing kept with the thing found', () => {
    for (const story of stories.slice(0, 500)) {
      const [, hero, pronoun, thing] =
        /(\w+) (?:was|ran|went|sat) .*? (She|He) \w+ an? \w+ (\w+)\./.exec(story)!;
      expect(['Mia', 'Lily', 'Ann', 'Rose'].includes(hero!)).toBe(pronoun === 'She');
      expect(story.match(/(?:gave \w+|kept|shared) the (\w+)/)![1]).toBe(thing);
      const friend = /\. (\w+) (?:came|ran up|said|sat)/.exec(story)![1];
      expect(friend).not.toBe(hero);
    }
  });

  it('are the same for the same seed, others for another, and a longer corpus begins with a shorter one', () => {
    expect(generateCorpus({ seed: 1, characters: 300_000 })).toBe(corpus);
    const short = generateCorpus({ seed: 1, characters: 1000 });
    expect(short.length).toBeGreaterThanOrEqual(1000);
    expect(short.endsWith('\n')).toBe(true);
    expect(corpus.startsWith(short)).toBe(true);
    expect(generateCorpus({ seed: 2, characters: 1000 })).not.toBe(short);
  });
});

describe('surprisals', () => {
  const corpus = generateCorpus({ seed: 5, characters: 20_000 });

  it('add up to -ln p of the stories', () => {
    const perCharacter = surprisals(corpus);
    expect(perCharacter).toHaveLength(corpus.length);
    const total = sum(corpus.split(/(?<=\n)/).map((story) => -logProbability(story)));
    expect(sum(perCharacter)).toBeCloseTo(total, 8);
  });

  it('are those of the beginning where the text breaks off within a story', () => {
    const whole = surprisals(corpus);
    for (const length of [0, 1, 7, 100, 1001]) {
      expect(surprisals(corpus.slice(0, length))).toEqual(whole.subarray(0, length));
    }
  });

  it('are the probabilities of characters given all characters before', () => {
    const start: State = {
      key: '',
      choices: () => ['aab', 'aac', 'b'].map((text, i) => ({ text, weight: i + 1, next: null })),
    };
    expect([...surprisals('aacb', start)].map((s) => Math.exp(-s))).toEqual([
      expect.closeTo(1 / 2, 14),
      1,
      expect.closeTo(2 / 3, 14),
      expect.closeTo(1 / 2, 14),
    ]);
  });
});

describe('a text that the grammar does not write', () => {
  const story = generateCorpus({ seed: 1, characters: 1 });

  it.each([
    ['cut short', story.slice(0, -1)],
    ['two stories', story + story],
    ['empty', ''],
    ['with another word', story.replace(' to the ', ' at a ').replace(' the ', ' thy ')],
  ])('%s: logProbability is an error', (_, text) => {
    expect(() => logProbability(text)).toThrow(DataError);
  });

  it('names the place where it goes wrong', () => {
    expect(() => surprisals(`${story}Zoe was`)).toThrow(`"Zoe was" at character ${story.length}`);
  });
});
