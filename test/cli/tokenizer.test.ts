// shadegrad tokenizer train, encode, decode.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateCorpus } from '../../src/text/grammar.ts';
import { parseTokenizerJson } from '../../src/text/tokenizer_json.ts';
import { shadegrad, start } from './command.ts';

const text = generateCorpus({ seed: 1, characters: 5000 });
let folder: string;

/** Runs it in a folder with book.txt and the tokenizer.json that was trained on it. */
const tokenizer = (...args: string[]) => shadegrad(['tokenizer', ...args], { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  await writeFile(join(folder, 'book.txt'), text);
});

afterAll(() => rmSync(folder, { recursive: true }));

test('train writes a tokenizer.json; encode and decode read it', async () => {
  const trained = await tokenizer('train', 'book.txt', '--vocabulary-size', '400', '--json');
  expect(trained).toMatchObject({ code: 0, stderr: '' });
  const result = JSON.parse(trained.stdout);
  expect(result).toMatchObject({ out: join(folder, 'tokenizer.json'), vocabularySize: 400 });
  const ours = parseTokenizerJson(readFileSync(join(folder, 'tokenizer.json'), 'utf8'));
  const ids = [...ours.encode('Once, 今天')];
  expect(result.tokens).toBe(ours.encode(text).length);

  const plain = await tokenizer('encode', 'Once, 今天', '--tokenizer', 'tokenizer.json');
  expect(plain).toEqual({ code: 0, stderr: '', stdout: `${ids.join(' ')}\n` });
  const json = await tokenizer('encode', 'Once', '--tokenizer', 'tokenizer.json', '--json');
  const encoded = JSON.parse(json.stdout);
  expect(encoded.ids).toEqual([...ours.encode('Once')]);
  expect(encoded.tokens.join('')).toBe('Once');
  expect(encoded.count).toBe(encoded.ids.length);

  const decode = ['decode', ...ids.map(String), '--tokenizer', 'tokenizer.json'];
  expect((await tokenizer(...decode)).stdout).toBe('Once, 今天\n');
  expect(JSON.parse((await tokenizer(...decode, '--json')).stdout)).toEqual({ text: 'Once, 今天' });
});

test('texts and ids may come on stdin or from a file', async () => {
  await tokenizer('train', 'book.txt', '--out', 'stdin.json');
  const piped = async (input: string, ...args: string[]) => {
    const { child, finished } = start(['tokenizer', ...args], { cwd: folder });
    child.stdin!.end(input);
    return (await finished).stdout;
  };
  const ids = await piped(text, 'encode', '--tokenizer', 'stdin.json');
  const { stdout } = await tokenizer('encode', '--file', 'book.txt', '--tokenizer', 'stdin.json');
  expect(ids).toBe(stdout);
  expect(await piped(ids, 'decode', '--tokenizer', 'stdin.json')).toBe(`${text}\n`);
});

test.each(['characters', 'words'])('train --kind %s', async (kind) => {
  const out = `${kind}.json`;
  const trained = await tokenizer('train', 'book.txt', '--kind', kind, '--out', out);
  expect(trained).toMatchObject({ code: 0, stderr: '' });
  expect(trained.stdout).toContain(`${out}: `);
  const { stdout } = await tokenizer('encode', text.slice(0, 40), '--tokenizer', out);
  const decoded = await tokenizer('decode', ...stdout.trim().split(' '), '--tokenizer', out);
  expect(decoded.stdout).toBe(`${text.slice(0, 40)}\n`);
});

test('rank files of tiktoken need a pattern', async () => {
  const ranks = Array.from({ length: 256 }, (_, i) => `${Buffer.of(i).toString('base64')} ${i}\n`);
  await writeFile(join(folder, 'x.tiktoken'), `${ranks.join('')}YWI= 256\n`);
  const without = await tokenizer('encode', 'cab', '--tokenizer', 'x.tiktoken');
  expect(without.code).toBe(1);
  expect(without.stderr).toMatch(
    /^ConfigError: x.tiktoken: rank files do not say how texts are cut/,
  );
  const { stdout } = await tokenizer(
    'encode',
    'cab',
    '--tokenizer',
    'x.tiktoken',
    '--pattern',
    'gpt2',
  );
  expect(stdout).toBe('99 256\n');
});

describe('refusals: the message alone, and exit code 1', () => {
  beforeAll(() => tokenizer('train', 'book.txt', '--out', 'small.json'));

  test.each([
    [['train', 'nowhere.txt'], 'DataError: cannot read nowhere.txt: there is no such file'],
    [
      ['train', 'book.txt', '--vocabulary-size', '100'],
      'ConfigError: trainBpe: vocabularySize is 100; expected an integer of at least 257',
    ],
    [
      ['train', 'book.txt', '--vocabulary-size', '1e3'],
      'ConfigError: tokenizer: --vocabulary-size is "1e3"; expected an integer from 1',
    ],
    [
      ['encode', 'a<|endoftext|>', '--tokenizer', 'small.json'],
      'DataError: encode: the text holds the special token "<|endoftext|>" at character 1',
    ],
    [['decode', '99999', '--tokenizer', 'small.json'], 'DataError: decode: id 99999 at position 0'],
    [['decode', '1', 'x', '--tokenizer', 'small.json'], 'ConfigError: tokenizer: an id is "x"'],
    [['encode', 'a', '--tokenizer', 'book.txt'], 'DataError: book.txt: expected a value'],
    [
      ['encode', 'a', '--file', 'book.txt', '--tokenizer', 'small.json'],
      'ConfigError: tokenizer encode: both a text and --file',
    ],
  ])('%j', async (args, message) => {
    const before = readdirSync(folder);
    const { code, stdout, stderr } = await tokenizer(...args, '--json');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.slice(0, message.length)).toBe(message);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(readdirSync(folder)).toEqual(before);
  });

  test('special tokens are allowed, or text, when that is asked for', async () => {
    const encode = [
      'encode',
      'a<|endoftext|>',
      '--tokenizer',
      'small.json',
      '--json',
      '--specials',
    ];
    const [allowed, asText] = [
      await tokenizer(...encode, 'allow'),
      await tokenizer(...encode, 'text'),
    ];
    expect(JSON.parse(allowed.stdout).tokens).toEqual(['a', '<|endoftext|>']);
    expect(JSON.parse(asText.stdout).count).toBeGreaterThan(2);
  });
});

test('the help of each has an example', async () => {
  const { stdout } = await tokenizer('--help');
  for (const name of ['train', 'encode', 'decode']) {
    expect(stdout).toMatch(new RegExp(`^ +${name}`, 'm'));
    expect((await tokenizer(name, '--help')).stdout).toMatch(
      /Examples?:\n {2}shadegrad tokenizer /,
    );
  }
});
