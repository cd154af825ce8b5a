// What a training run reads: which part of the text makes the tokenizer, and what a token stands for.

import { describe, expect, test } from 'vitest';
import { trainingData } from '../../src/llm/data.ts';
import { textUnits } from '../../src/llm/evaluate.ts';
import { modelConfig, PRESETS, TRAIN_DEFAULTS } from '../../src/llm/settings.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { generateCorpus } from '../../src/text/grammar.ts';
import { trainWords } from '../../src/text/words.ts';

const settings = { ...TRAIN_DEFAULTS, context: 8, vocabularySize: 280, corpusCharacters: 20_000 };
const characters = { ...settings, vocabularySize: null };

describe('byte-level BPE', () => {
  test('its merges are learned from the training parts alone', () => {
    const seen = 'the cat and the hat; '.repeat(90);
    const heldOut = 'zigzag zoo: zigzag '.repeat(10);
    const texts = [
      { name: 'a', content: seen + heldOut },
      { name: 'b', content: seen + heldOut },
    ];
    const { tokenizer, sources, validation } = trainingData(texts, {
      ...settings,
      validation: heldOut.length / (seen.length + heldOut.length),
    });
    expect(tokenizer.toJSON()).toEqual(trainBpe([seen, seen], { vocabularySize: 280 }).toJSON());
    expect(sources.map((source) => tokenizer.decode(source))).toEqual([seen, seen]);
    expect(tokenizer.decode(validation)).toBe(heldOut + heldOut);
    expect(tokenizer.encode('zigzag')).toHaveLength(6); // bytes: that word was never seen
  });

  test('holds out the text that characters hold out, and is told by the same bytes', () => {
    const text = { name: 'stories', content: `${generateCorpus({ seed: 2, characters: 8000 })}é` };
    const [bpe, char] = [trainingData(text, settings), trainingData(text, characters)];
    expect(bpe.tokenizer.decode(bpe.validation)).toBe(char.tokenizer.decode(char.validation));
    expect(bpe.validation.length).toBeLessThan(char.validation.length / 1.3);
    const bytes = (data: typeof bpe) => data.bytesPerToken! * data.validation.length;
    expect(bytes(bpe)).toBeCloseTo(char.validation.length + 1, 6); // é is two
    expect(bytes(char)).toBeCloseTo(bytes(bpe), 6);
    expect(char.charactersPerToken).toBe(1);
  });

  test('the floor and the units are those of its tokens: in bits per byte they are those of characters', () => {
    const [bpe, char] = [trainingData(null, settings), trainingData(null, characters)];
    const bits = (data: typeof bpe) =>
      textUnits(data.entropyFloor!, { data, settings })!.bitsPerByte;
    expect(bits(bpe)).toBeCloseTo(bits(char)!, 10);
  });

  test('a special token in the text is that token', () => {
    const content = 'Once upon a time.<|endoftext|>'.repeat(40);
    const { tokenizer, train } = trainingData({ name: 'documents', content }, settings);
    expect([...train]).toContain(tokenizer.specials.get('<|endoftext|>'));
  });
});

describe('a tokenizer from outside', () => {
  const content = 'the cat and the hat and the bat '.repeat(50);
  const text = { name: 'cats', content };

  test('is used as it is', () => {
    const given = trainBpe('that is another text '.repeat(30), { vocabularySize: 270 });
    const data = trainingData(text, characters, given);
    expect(data).toMatchObject({ tokenizer: given, tokenizerGiven: true });
    expect(data.tokenizer.decode(data.train)).toBe(content.slice(0, 0.9 * content.length));
  });

  test('that loses some of the text gives no bits per byte', () => {
    const data = trainingData(text, characters, trainWords('the cat', 3));
    expect(data.bytesPerToken).toBeNull();
    expect(textUnits(1, { data, settings })).toEqual({ perplexity: Math.E, bitsPerByte: null });
  });

  test('beside one that is to be made of the text is refused', () => {
    const given = trainBpe(content, { vocabularySize: 270 });
    expect(() => trainingData(text, settings, given)).toThrow(
      'vocabularySize is 280, for a tokenizer made of the text, and one is given; set vocabularySize to null',
    );
  });
});

test('shakespeare-bpe-cpu is of the size of shakespeare-char-cpu', () => {
  const parameters = (changes: object, vocabularySize: number) => {
    const config = modelConfig({ ...TRAIN_DEFAULTS, ...changes }, vocabularySize);
    const { layers, width, hidden } = config;
    return layers * width * (4 * width + 2 * hidden + 2) + width + vocabularySize * width;
  };
  expect(parameters(PRESETS['shakespeare-char-cpu'], 65)).toBe(795_904);
  expect(parameters(PRESETS['shakespeare-bpe-cpu'], 1024)).toBe(795_776);
});
