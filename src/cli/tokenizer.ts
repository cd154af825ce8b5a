// shadegrad tokenizer: trains a tokenizer on a text, and turns texts into ids and back.

import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { openFolder } from '#folder';
import { ConfigError, DataError } from '../errors.ts';
import { decodeUtf8 } from '../io/json.ts';
import { trainBpe } from '../text/bpe_train.ts';
import { characterTokenizer } from '../text/characters.ts';
import { decodeText } from '../text/corpus.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import { SPLIT_PATTERNS, type SplitPattern } from '../text/split_patterns.ts';
import { parseTiktokenRanks } from '../text/tiktoken_ranks.ts';
import { END_OF_TEXT, type EncodeOptions, type Tokenizer } from '../text/tokenizer.ts';
import { trainWords } from '../text/words.ts';
import { commandLine } from './command_line.ts';
import { withoutControls } from './progress.ts';

const KINDS = ['bpe', 'characters', 'words'] as const;

interface TrainFlags {
  readonly out: string;
  readonly kind: (typeof KINDS)[number];
  readonly vocabularySize: string;
  readonly pattern: SplitPattern;
  readonly special?: string[];
  readonly minFrequency: string;
  readonly json?: boolean;
}

interface UseFlags {
  readonly tokenizer: string;
  readonly pattern?: SplitPattern;
  readonly json?: boolean;
}

interface EncodeFlags extends UseFlags {
  readonly file?: string;
  readonly specials: 'refuse' | 'allow' | 'text';
}

const EXAMPLES = `
Examples:
  shadegrad tokenizer train book.txt
  shadegrad tokenizer encode 'To be, or not to be' --tokenizer tokenizer.json`;

export function addTokenizer(program: Command): void {
  const tokenizer = program
    .command('tokenizer')
    .description('train a tokenizer on a text; turn texts into ids, and ids into text')
    .addHelpText('after', EXAMPLES);
  addTrain(tokenizer);
  addEncode(tokenizer);
  addDecode(tokenizer);
  for (const command of tokenizer.commands) {
    command.showHelpAfterError(`(shadegrad tokenizer ${command.name()} --help lists the options)`);
  }
}

function addTrain(tokenizer: Command): void {
  tokenizer
    .command('train')
    .description('train a tokenizer on a text file in UTF-8')
    .argument('<file>', 'the text')
    .option('--out <file>', 'where to write it', 'tokenizer.json')
    .addOption(new Option('--kind <kind>', 'what a token is').choices(KINDS).default('bpe'))
    .option('--vocabulary-size <n>', 'tokens, specials included; not for characters', '8192')
    .addOption(patternOption('bpe: how texts are cut; no merge crosses a cut').default('gpt2'))
    .option(
      '--special <text>',
      `bpe: a special token; may be repeated (default: ${END_OF_TEXT})`,
      (text: string, list: string[] = []) => [...list, text],
    )
    .option('--min-frequency <n>', 'bpe: pairs that occur less often are not merged', '2')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  shadegrad tokenizer train book.txt --vocabulary-size 4096 --out book.json
  shadegrad tokenizer train chats.txt --pattern cl100k --special '<|user|>' --special '<|end|>'

Byte-level BPE is written as Hugging Face's tokenizer.json, which its libraries read.`,
    )
    .action(train);
}

function addEncode(tokenizer: Command): void {
  tokenizer
    .command('encode')
    .description('print the ids of a text')
    .argument('[text]', 'the text (default: what comes on stdin)')
    .option('--file <file>', 'the text is in this file')
    .requiredOption('--tokenizer <file>', TOKENIZER_HELP)
    .addOption(patternOption('for a .tiktoken file'))
    .addOption(
      new Option('--specials <policy>', 'special tokens in the text: an error, their ids, or text')
        .choices(['refuse', 'allow', 'text'])
        .default('refuse'),
    )
    .option('--json', 'print { ids, tokens, count } as JSON')
    .addHelpText(
      'after',
      `
Examples:
  shadegrad tokenizer encode 'To be, or not to be' --tokenizer tokenizer.json
  shadegrad tokenizer encode --file book.txt --tokenizer cl100k_base.tiktoken --pattern cl100k --json`,
    )
    .action(encode);
}

function addDecode(tokenizer: Command): void {
  tokenizer
    .command('decode')
    .description('print the text of ids')
    .argument('[ids...]', 'the ids (default: what comes on stdin)')
    .requiredOption('--tokenizer <file>', TOKENIZER_HELP)
    .addOption(patternOption('for a .tiktoken file'))
    .option('--json', 'print { text } as JSON')
    .addHelpText(
      'after',
      `
Example:
  shadegrad tokenizer decode 1532 11 393 --tokenizer tokenizer.json`,
    )
    .action(decode);
}

const TOKENIZER_HELP = 'tokenizer.json, or a rank file of tiktoken';

function patternOption(description: string): Option {
  return new Option('--pattern <name>', description).choices(SPLIT_PATTERNS);
}

async function train(file: string, flags: TrainFlags): Promise<void> {
  const text = decodeText(await readBytes(file), file);
  const begin = performance.now();
  const tokenizer = trained(text, flags);
  const milliseconds = Math.round(performance.now() - begin);
  const count = tokenizer.encode(text, { specials: 'allow' }).length;
  const out = resolve(flags.out);
  const folder = await openFolder(dirname(out));
  await folder.write(basename(out), new TextEncoder().encode(`${JSON.stringify(tokenizer)}\n`));
  const bytes = new TextEncoder().encode(text).length;
  const { vocabularySize } = tokenizer;
  if (flags.json) {
    console.log(JSON.stringify({ out, vocabularySize, tokens: count, bytes, milliseconds }));
    return;
  }
  const figure = (n: number) => n.toLocaleString('en');
  console.log(`${flags.out}: ${figure(vocabularySize)} tokens, in ${milliseconds} ms`);
  console.log(
    `${file}: ${figure(bytes)} bytes in ${figure(count)} tokens, ${(bytes / count).toFixed(2)} bytes a token`,
  );
  console.log(`try it: ${commandLine(['tokenizer', 'encode', 'To be', '--tokenizer', flags.out])}`);
}

function trained(text: string, flags: TrainFlags): Tokenizer {
  const { kind, pattern } = flags;
  if (kind === 'characters') return characterTokenizer(text);
  const vocabularySize = count(flags.vocabularySize, '--vocabulary-size');
  if (kind === 'words') return trainWords(text, vocabularySize);
  const specials = flags.special ?? [END_OF_TEXT];
  const minFrequency = count(flags.minFrequency, '--min-frequency');
  return trainBpe(text, { vocabularySize, pattern, specials, minFrequency });
}

async function encode(text: string | undefined, flags: EncodeFlags): Promise<void> {
  const tokenizer = await open(flags);
  const { file, specials } = flags;
  if (text !== undefined && file !== undefined) {
    throw new ConfigError('tokenizer encode: both a text and --file; expected one of them');
  }
  const given = text ?? decodeUtf8(await readBytes(file), file ?? 'stdin');
  const ids = [...tokenizer.encode(given, { specials } satisfies EncodeOptions)];
  if (flags.json) {
    const tokens = ids.map((id) => tokenizer.decode([id]));
    console.log(JSON.stringify({ ids, tokens, count: ids.length }));
  } else console.log(ids.join(' '));
}

async function decode(words: string[], flags: UseFlags): Promise<void> {
  const tokenizer = await open(flags);
  const given =
    words.length > 0 ? words : decodeUtf8(await readBytes(undefined), 'stdin').split(/[\s,]+/);
  const ids = given.filter((word) => word !== '').map((word) => count(word, 'an id', 0));
  const text = tokenizer.decode(ids);
  if (flags.json) console.log(JSON.stringify({ text }));
  else console.log(process.stdout.isTTY ? withoutControls(text) : text);
}

async function open({ tokenizer: file, pattern }: UseFlags): Promise<Tokenizer> {
  const text = decodeUtf8(await readBytes(file), file);
  if (!file.endsWith('.tiktoken')) return readTokenizer(text, file);
  if (pattern) return parseTiktokenRanks(text, { pattern, what: file });
  throw new ConfigError(
    `${file}: rank files do not say how texts are cut; add --pattern (gpt2 for r50k_base, cl100k, o200k)`,
  );
}

/** The bytes of a file, or of stdin. */
async function readBytes(file: string | undefined): Promise<Uint8Array> {
  if (file === undefined) return buffer(process.stdin);
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new DataError(
      `cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`,
      { cause },
    );
  }
}

function count(text: string, name: string, least = 1): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new ConfigError(
    `tokenizer: ${name} is ${JSON.stringify(text)}; expected an integer from ${least}`,
  );
}
