// tokenizer.json: what is written comes back, what others wrote has their ids, and what is malformed is refused.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { bpeTokenizer } from '../../src/text/bpe.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { readTokenizer } from '../../src/text/read_tokenizer.ts';
import { withSpecials } from '../../src/text/special_tokens.ts';
import { parseTokenizerJson } from '../../src/text/tokenizer_json.ts';
import { trainWords } from '../../src/text/words.ts';
import { huggingFace } from './oracles.ts';
import { adversarialStrings } from './strings.ts';

const corpus = adversarialStrings(200, 11);
const trained = trainBpe(corpus, { vocabularySize: 500 });
const sample = corpus.join(' ');

/** A copy of the trained tokenizer's file, to be changed. */
// biome-ignore lint/suspicious/noExplicitAny: it is changed in every way that a file can be wrong
function file(change: (json: any) => void = () => {}): string {
  const json = JSON.parse(JSON.stringify(trained));
  change(json);
  return JSON.stringify(json);
}

describe('round trip', () => {
  it('a written tokenizer, read, is the same model', () => {
    const again = parseTokenizerJson(JSON.stringify(trained));
    expect(again.model).toEqual({ ...trained.model, wholePieces: false, nfc: false });
    expect(JSON.stringify(again)).toBe(JSON.stringify(trained));
  });

  it('of a frame, added tokens and NFC as well', () => {
    const added = [
      { text: '<|begin|>', id: 499, special: true },
      { text: '<tool>', id: 500, special: false },
      { text: '<|end|>', id: 501, special: true },
    ];
    const frame = { before: [499], after: [501] };
    const model = { ...trained.model, added, frame, nfc: true, wholePieces: true };
    const again = parseTokenizerJson(JSON.stringify(bpeTokenizer(model)));
    expect(again.model).toEqual(model);
    const text = 'e\u0301<tool>';
    expect([...again.encode(text, { frame: true })]).toEqual([499, ...again.encode('é'), 500, 501]);
    expect(again.encode(text)).toEqual(again.encode('é<tool>'));
  });

  it('readTokenizer makes each kind again', () => {
    const characters = characterTokenizer('any text');
    const thinking = withSpecials(characters, ['<think>', '</think>']);
    for (const tokenizer of [trained, characters, trainWords(sample, 50), thinking]) {
      const again = readTokenizer(JSON.stringify(tokenizer));
      expect(again.encode('any text')).toEqual(tokenizer.encode('any text'));
      expect(again.vocabularySize).toBe(tokenizer.vocabularySize);
      expect(again.specials).toEqual(tokenizer.specials);
    }
    const noTexts =
      '{"type":"specials","specials":[1],"tokenizer":{"type":"characters","alphabet":"a"}}';
    for (const json of [
      noTexts,
      '{"type":"characters"}',
      '{"type":"words","words":[1]}',
      '{"type":"x"}',
    ]) {
      expect(() => readTokenizer(json)).toThrow(DataError);
    }
  });

  it('is refused for a vocabulary with gaps, which a file cannot have', () => {
    const added = [{ text: '<|end|>', id: 600, special: true }];
    const gaps = bpeTokenizer({ ...trained.model, added });
    expect(() => JSON.stringify(gaps)).toThrow('id 499 has no token');
  });
});

describe('files of others', () => {
  const folders = ['llama-tiny', 'gpt2-tiny'].map((name) => `../shared/golden/${name}`);
  for (const folder of folders) {
    if (!existsSync(folder)) console.warn(`no ${folder}: its prompts are left out`);
    it.skipIf(!existsSync(folder))(`${folder}: the prompts have the ids that they should`, () => {
      const json = readFileSync(`${folder}/tokenizer.json`, 'utf8');
      const { prompts } = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8'));
      const tokenizer = parseTokenizerJson(json);
      expect(tokenizer.vocabularySize).toBe(377);
      expect(tokenizer.specials.get('<|endoftext|>')).toBe(376);
      for (const { text, ids } of prompts) expect([...tokenizer.encode(text)]).toEqual(ids);
      const theirs = huggingFace(JSON.parse(json));
      for (const text of corpus) expect([...tokenizer.encode(text)]).toEqual(theirs(text));
    });
  }

  const split = (Regex: string, behavior = 'Isolated', invert = false) => ({
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex }, behavior, invert },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  });
  const LLAMA3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const QWEN2 = LLAMA3.replace('{1,3}', '');

  it('Llama 3: its pattern, whole pieces, a begin of text', () => {
    const begin = { SpecialToken: { id: '<|endoftext|>', type_id: 0 } };
    const text = file((json) => {
      json.pre_tokenizer = split(LLAMA3);
      json.model.ignore_merges = true;
      json.post_processor = {
        type: 'Sequence',
        processors: [
          { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
          {
            type: 'TemplateProcessing',
            single: [begin, { Sequence: { id: 'A', type_id: 0 } }],
            pair: [],
            special_tokens: {},
          },
        ],
      };
    });
    const tokenizer = parseTokenizerJson(text);
    expect(tokenizer.model).toMatchObject({ pattern: 'llama3', wholePieces: true });
    expect([...tokenizer.encode('a', { frame: true })]).toEqual([499, 97]);
    const theirs = huggingFace({ ...JSON.parse(text), post_processor: null });
    for (const text of corpus) expect([...tokenizer.encode(text)]).toEqual(theirs(text));
  });

  it('Qwen 2: its pattern, as it is and with the matches kept otherwise; NFC', () => {
    for (const step of [split(QWEN2), split(QWEN2, 'Removed', true)]) {
      const text = file((json) => {
        json.pre_tokenizer = step;
        json.normalizer = { type: 'NFC' };
      });
      const tokenizer = parseTokenizerJson(text);
      expect(tokenizer.model).toMatchObject({ pattern: 'qwen2', nfc: true });
      const theirs = huggingFace(JSON.parse(text));
      for (const text of corpus) expect([...tokenizer.encode(text)]).toEqual(theirs(text));
    }
  });

  it('merges as lists of two, a model without a type, empty names of what is not used', () => {
    const text = file((json) => {
      json.model.merges = json.model.merges.map((merge: string) => merge.split(' '));
      Object.assign(json.model, { end_of_word_suffix: '', unk_token: '' });
      delete json.model.type;
    });
    expect(parseTokenizerJson(text).model).toMatchObject({ merges: trained.model.merges });
  });

  it('a special token that the vocabulary holds as well', () => {
    const text = file((json) => {
      json.model.vocab['<|endoftext|>'] = 499;
    });
    const tokenizer = parseTokenizerJson(text);
    expect(tokenizer.vocabularySize).toBe(500);
    expect([...tokenizer.encode('<|endoftext|>', { specials: 'allow' })]).toEqual([499]);
  });

  it('added tokens in a text, the longest first', () => {
    const text = file((json) => {
      const token = (id: number, content: string) => ({ ...json.added_tokens[0], id, content });
      json.added_tokens.push(token(500, '<|end'), token(501, '<|end|>'), token(502, '😀'));
    });
    const tokenizer = parseTokenizerJson(text);
    const theirs = huggingFace(JSON.parse(text));
    const texts = [
      '<|end|><|end<|endoftext|>😀x',
      ...corpus.map((text) => `${text}<|end${text}😀`),
    ];
    for (const text of texts) {
      expect([...tokenizer.encode(text, { specials: 'allow' })]).toEqual(theirs(text));
    }
  });
});

describe('malformed files', () => {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const changes: [what: string, change: (json: any) => void, message: string][] = [
    ['no model', (j) => delete j.model, 'model is undefined; expected an object'],
    ['an unknown type', (j) => (j.model.type = 'Unigram'), 'model.type is "Unigram"; only BPE'],
    ['a type that is none', (j) => (j.model.type = ['BPE']), 'model.type is "BPE"; only BPE'],
    ['dropout', (j) => (j.model.dropout = 0.1), 'dropout is set'],
    ['byte fallback', (j) => (j.model.byte_fallback = true), 'byte_fallback is set'],
    ['a suffix', (j) => (j.model.end_of_word_suffix = '</w>'), 'end_of_word_suffix is set'],
    ['no vocabulary', (j) => delete j.model.vocab, 'model.vocab is undefined'],
    ['a list as the vocabulary', (j) => (j.model.vocab = []), 'model.vocab is a list of 0'],
    ['an id twice', (j) => (j.model.vocab.b = 97), '"a" and "b" both have the id 97'],
    ['a negative id', (j) => (j.model.vocab.a = -1), '"a" has the id -1'],
    ['a fraction as an id', (j) => (j.model.vocab.a = 1.5), '"a" has the id 1.5'],
    ['an id as text', (j) => (j.model.vocab.a = '97'), '"a" has the id "97"'],
    ['a huge id', (j) => (j.model.vocab.a = 2 ** 40), 'has the id 1099511627776; expected 0 to'],
    ['a gap in the ids', (j) => (j.model.vocab.zz = 501), '501 tokens, and none has the id 500'],
    ['a missing id', (j) => delete j.model.vocab.a, 'none has the id 97'],
    ['a token of other characters', (j) => (j.model.vocab.今 = 500), 'stand for no byte'],
    ['a token of no bytes', (j) => (j.model.vocab[''] = 500), 'id 500 has 0 characters'],
    ['a huge token', (j) => (j.model.vocab['a'.repeat(70000)] = 500), 'has 70000 characters'],
    ['no merges', (j) => delete j.model.merges, 'model.merges is not a list'],
    ['a merge of one', (j) => (j.model.merges[3] = 'a'), 'merges[3] is "a"; expected two tokens'],
    ['a merge of three', (j) => (j.model.merges[3] = 'a b c'), 'expected two tokens'],
    ['a merge of numbers', (j) => (j.model.merges[3] = [1, 2]), 'merges[3] is a list of 2'],
    ['a cycle', (j) => (j.model.merges[3] = ['a', '']), '"a" with nothing'],
    ['a cycle from the left', (j) => (j.model.merges[3] = ' a'), 'a cycle'],
    ['a merge twice', (j) => j.model.merges.push(j.model.merges[3]), 'is there twice'],
    ['a merge of a stranger', (j) => (j.model.merges[3] = 'zq a'), 'has no token "zq"'],
    ['a merge into a stranger', (j) => (j.model.merges[3] = 'q ~'), 'has no token "q~"'],
    ['added tokens as an object', (j) => (j.added_tokens = {}), 'added_tokens is not a list'],
    ['an added token of nothing', (j) => (j.added_tokens[0].content = ''), 'expected 1 to 1000'],
    ['a taken id', (j) => (j.added_tokens[0].id = 97), '"<|endoftext|>" has the id 97, and in the'],
    ['two ids', (j) => (j.model.vocab['<|endoftext|>'] = 500), '"<|endoftext|>" has the id 499'],
    ['a token twice', (j) => j.added_tokens.push({ ...j.added_tokens[0], id: 500 }), 'there twice'],
    [
      'an added id twice',
      (j) => j.added_tokens.push({ ...j.added_tokens[0], content: 'x' }),
      'id 499 is given twice',
    ],
    ['a token that strips', (j) => (j.added_tokens[0].lstrip = true), 'lstrip is true'],
    ['no pre-tokenizer', (j) => (j.pre_tokenizer = null), 'pre_tokenizer is absent'],
    ['Metaspace', (j) => (j.pre_tokenizer = { type: 'Metaspace' }), 'whose last step is ByteLevel'],
    [
      'a prefix space',
      (j) => (j.pre_tokenizer.add_prefix_space = true),
      'add_prefix_space is true',
    ],
    [
      'a regular expression of its own',
      (j) => {
        const split = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated' };
        const steps = [split, { ...j.pre_tokenizer, use_regex: false }];
        j.pre_tokenizer = { type: 'Sequence', pretokenizers: steps };
      },
      'splits by "(a+)+$", which is none of the known patterns',
    ],
    ['a decoder', (j) => (j.decoder = { type: 'WordPiece' }), 'decoder is "WordPiece"'],
    ['a normalizer', (j) => (j.normalizer = { type: 'Lowercase' }), 'normalizer is "Lowercase"'],
    ['steps that are none', (j) => (j.decoder = { type: 'Sequence' }), 'no list "decoders"'],
    [
      'a step that is none',
      (j) => (j.pre_tokenizer = { type: 'Sequence', pretokenizers: [null, j.pre_tokenizer] }),
      'pretokenizers[0] is null; expected an object',
    ],
    ['a processor', (j) => (j.post_processor = { type: 'BertProcessing' }), '"BertProcessing"'],
  ];

  it.each(changes)('%s', (_, change, message) => {
    expect(() => parseTokenizerJson(file(change), 'a.json')).toThrow(DataError);
    expect(() => parseTokenizerJson(file(change), 'a.json')).toThrow(message);
    expect(() => parseTokenizerJson(file(change), 'a.json')).toThrow(/^a\.json/);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['a list', '[]'],
    ['half a file', file().slice(0, 5000)],
    ['text after it', `${file()}x`],
    ['a key twice', file().replace('{"version"', '{"version":"0","version"')],
    ['a name of a prototype', file().replace('"model"', '"__proto__"')],
    ['half a pair', file().replace('"!":', '"\\ud800":')],
    ['deep nesting', '['.repeat(100_000)],
  ])('%s', (_, text) => {
    expect(() => parseTokenizerJson(text)).toThrow(DataError);
  });

  it('a file over 64 MB, without looking into it', () => {
    expect(() => parseTokenizerJson(' '.repeat((64 << 20) + 1))).toThrow(
      'at most 67108864 are read',
    );
  });

  it('a token named __proto__ is a token', () => {
    const texts = ['__proto__', '__proto__'];
    const json = JSON.stringify(trainBpe(texts, { vocabularySize: 500, pattern: 'none' }));
    const tokenizer = parseTokenizerJson(json);
    const [id, ...more] = tokenizer.encode('__proto__');
    expect(more).toEqual([]);
    expect(tokenizer.decode([id!])).toBe('__proto__');
    expect(JSON.parse(JSON.stringify(tokenizer)).model.vocab).toHaveProperty('__proto__', id);
  });
});
