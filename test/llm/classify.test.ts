// A language model as a classifier: scores against the full softmax, refusals, calibration, orders, and ways to learn.

import { beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import {
  bestLabel,
  calibrateScores,
  encodeLabels,
  labelProbabilities,
  scoreLabels,
} from '../../src/llm/classify.ts';
import {
  classify,
  classifyByHead,
  scoreInContext,
  type TextTask,
  tuneHead,
  tunePattern,
} from '../../src/llm/classify_methods.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { logSoftmax } from '../../src/ops/softmax.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { fewShotPrompt, pattern } from '../../src/text/patterns.ts';
import { wordTokenizer } from '../../src/text/words.ts';
import { device } from '../device.ts';
import { makeModel, tokenizer } from './finetune_tiny.ts';

let model: Transformer;

beforeAll(async () => {
  model = makeModel(device);
});

/** ln P of each next token after the ids, by a forward pass of their own. */
async function logProbabilities(ids: Int32Array): Promise<ArrayLike<number>> {
  const rows = device.scope(() =>
    noGrad(() => logSoftmax(model.forward(device.tensor(ids, { shape: [1, ids.length] })))),
  );
  const values = await rows.data();
  rows.dispose();
  return values.slice(-tokenizer.vocabularySize);
}

const prompts = ['abc=', 'h=', 'ddddd', 'a'].map((text) => tokenizer.encode(text));

describe('J3: scores of labels', () => {
  test('of one token are the full softmax, restricted to the two ids', async () => {
    const labels = encodeLabels(tokenizer, { yes: 'a', no: 'c' }, '');
    const scores = await scoreLabels(device, model, prompts, labels);
    for (const [i, prompt] of prompts.entries()) {
      const all = await logProbabilities(prompt);
      const [a, c] = tokenizer.encode('ac');
      const [yes, no] = [all[a!]!, all[c!]!];
      expect(scores[i]![0]).toBeCloseTo(yes, 4);
      expect(scores[i]![1]).toBeCloseTo(no, 4);
      expect(bestLabel(scores[i]!)).toBe(yes >= no ? 0 : 1);
    }
  });

  test('of several tokens are the sums of theirs, of unequal numbers too', async () => {
    const labels = encodeLabels(tokenizer, { yes: 'abc', no: 'ab=', maybe: 'hd', else: 'g' }, '');
    const scores = await scoreLabels(device, model, prompts, labels);
    for (const [i, prompt] of prompts.entries()) {
      for (const [label, tokens] of labels.ids.entries()) {
        let sum = 0;
        for (const [t, token] of tokens.entries())
          sum += (await logProbabilities(Int32Array.of(...prompt, ...tokens.subarray(0, t))))[
            token
          ]!;
        expect(scores[i]![label]).toBeCloseTo(sum, 4);
      }
    }
  });

  test('do not depend on the batch', async () => {
    const labels = encodeLabels(tokenizer, { yes: 'ab', no: 'c' }, '');
    const [one, all] = [
      await scoreLabels(device, model, prompts, labels, { batch: 1 }),
      await scoreLabels(device, model, prompts, labels),
    ];
    for (const [i, scores] of one.entries())
      for (const [label, score] of scores.entries()) expect(all[i]![label]).toBeCloseTo(score, 5);
  });
});

describe('J3: what cannot be classified is refused', () => {
  test('an unknown token in a verbaliser', () => {
    const words = wordTokenizer([' great', ' This']);
    const unknown = () => encodeLabels(words, { good: 'great', bad: 'awful' });
    expect(unknown).toThrow(DataError);
    expect(unknown).toThrow(
      'verbaliser: bad is " awful", which has a token that the tokenizer does not know; choose other words',
    );
    expect(() => encodeLabels(tokenizer, { good: 'a', bad: 'ä' }, '')).toThrow(
      /verbaliser: bad is "ä", which the tokenizer cannot write/,
    );
  });

  test('labels that begin with each other, one alone, and an empty one', () => {
    const labels = (verbaliser: Record<string, string>) => () =>
      encodeLabels(tokenizer, verbaliser, '');
    expect(labels({ yes: 'ab', no: 'a' })).toThrow(
      'the tokens of yes begin with those of no, which would always be as likely',
    );
    expect(labels({ yes: 'a', no: 'a' })).toThrow(DataError);
    expect(labels({ yes: 'a' })).toThrow(ConfigError);
    expect(labels({ yes: 'a', no: '' })).toThrow('verbaliser: no is "", which has no tokens');
  });

  test('a prompt that is empty, or longer than the context', async () => {
    const labels = encodeLabels(tokenizer, { yes: 'ab', no: 'c' }, '');
    const score = (text: string) => scoreLabels(device, model, [tokenizer.encode(text)], labels);
    await expect(score('')).rejects.toThrow('prompt 0: it has no tokens');
    await score('abcdefghabc'); // with the label's first token the 12 of the context
    await expect(score('abcdefghabcd')).rejects.toThrow(
      "prompt 0: with the label yes it has 13 tokens, the model's context is 12; shorten it",
    );
  });
});

const task: TextTask = {
  tokenizer,
  pattern: pattern('[input]=[label]'),
  verbaliser: { first: 'a', second: 'bc' },
  separator: '\n',
};

describe('J5: examples in the context', () => {
  const shots = [
    { input: 'a', label: 'first' },
    { input: 'b', label: 'second' },
    { input: 'c', label: 'first' },
  ];

  test('are scored by the same scorer, the last ones where not all fit', async () => {
    const scores = await scoreInContext(device, model, task, shots, ['d', 'e']);
    const kept = [
      { input: 'b', label: 'bc' },
      { input: 'c', label: 'a' },
    ]; // 5 + 4 tokens, 2 of the question and 1 of a label fit into 12; the first example has 4 more
    const prompts = ['d', 'e'].map((input) => fewShotPrompt(task.pattern, kept, input));
    expect(prompts[0]).toBe('b=bc\nc=a\nd=');
    const labels = encodeLabels(tokenizer, task.verbaliser, '');
    const ids = prompts.map((prompt) => tokenizer.encode(prompt));
    expect(scores).toEqual(await scoreLabels(device, model, ids, labels));
    const names = await classify(device, model, task, shots, ['d', 'e']);
    expect(names).toEqual(scores.map((each) => ['first', 'second'][bestLabel(each)]));
  });
});

test('J3: an example with a label that the verbaliser lacks is refused by all methods', async () => {
  const some = [{ input: 'a', label: 'third' }];
  const settings = { seed: 1, learningRate: 1e-3, epochs: 1, batch: 1 };
  const message = '"a" has the label "third"; expected one of first, second';
  await expect(classify(device, model, task, some, ['b'])).rejects.toThrow(message);
  await expect(tunePattern(device, model, task, some, settings)).rejects.toThrow(message);
  await expect(tuneHead(device, model, task, some, settings)).rejects.toThrow(message);
});

test('J4: both ways of fine-tuning learn their examples', async () => {
  const examples = [...'abcdefgh'].map((input, i) => {
    return { input, label: i % 3 === 0 ? 'first' : 'second' };
  });
  const inputs = examples.map(({ input }) => input);
  const expected = examples.map(({ label }) => label);
  const settings = { seed: 1, learningRate: 1e-2, epochs: 40, batch: 8 };
  const byPattern = makeModel(device);
  await tunePattern(device, byPattern, task, examples, settings);
  expect(await classify(device, byPattern, task, [], inputs)).toEqual(expected);
  const withHead = makeModel(device);
  const head = await tuneHead(device, withHead, task, examples, settings);
  expect(head.weight.shape).toEqual([2, withHead.config.width]);
  expect(await classifyByHead(device, withHead, head, task, inputs)).toEqual(expected);
  for (const module of [byPattern, withHead, head]) module.dispose();
});

describe('J2: contextual calibration', () => {
  test('divides by what the model says without content, and so that input comes out even', () => {
    const free = [Math.log(0.6), Math.log(0.2)]; // 0.75 and 0.25 among the labels
    const [yes, no] = labelProbabilities(calibrateScores(free, [free]));
    expect(yes).toBeCloseTo(0.5, 12);
    expect(no).toBeCloseTo(0.5, 12);
    const scores = [Math.log(0.35), Math.log(0.15)]; // 0.7 and 0.3: less than without content
    expect(bestLabel(scores)).toBe(0);
    expect(bestLabel(calibrateScores(scores, [free]))).toBe(1);
    const expected = 0.7 / 0.75 / (0.7 / 0.75 + 0.3 / 0.25);
    expect(labelProbabilities(calibrateScores(scores, [free]))[0]).toBeCloseTo(expected, 12);
  });

  test('takes the mean of several such inputs, and one at least', async () => {
    const [a, b] = [
      [Math.log(0.9), Math.log(0.1)],
      [Math.log(0.1), Math.log(0.9)],
    ];
    const [yes] = labelProbabilities(calibrateScores([Math.log(0.7), Math.log(0.3)], [a, b]));
    expect(yes).toBeCloseTo(0.7, 12);
    expect(() => calibrateScores([0, 0], [])).toThrow(ConfigError);
    const [scores] = await scoreInContext(device, model, task, [], ['='], { contentFree: ['='] });
    expect(scores![0]).toBeCloseTo(scores![1]!, 5);
  });
});
