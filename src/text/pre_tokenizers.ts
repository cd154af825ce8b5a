// The `pre_tokenizer` of a tokenizer.json for each splitting pattern, and back. A file's regular expression is never
// compiled (it could be made to run for ever): it must be, character for character, one of those known here.

import { DataError } from '../errors.ts';
import { type Json, type ParsedJson, type ParsedObject, quoted } from '../io/json.ts';
import { patternSource, type SplitPattern } from './split_patterns.ts';
import { stepsOf, typesOf } from './tokenizer_json_parts.ts';

const CONTRACTION = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const AFTER_DIGITS = String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const WORD = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const UPPER = String.raw`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`;
const LOWER = String.raw`\p{Ll}\p{Lm}\p{Lo}\p{M}`;

/** What `Split` steps say, by pattern. */
const SPLIT_TEXTS: ReadonlyMap<SplitPattern, string> = new Map([
  ['llama3', String.raw`${CONTRACTION}|${WORD}|\p{N}{1,3}${AFTER_DIGITS}`],
  ['qwen2', String.raw`${CONTRACTION}|${WORD}|\p{N}${AFTER_DIGITS}`],
  [
    'gpt4o',
    String.raw`[^\r\n\p{L}\p{N}]?[${UPPER}]*[${LOWER}]+${CONTRACTION}?|` +
      String.raw`[^\r\n\p{L}\p{N}]?[${UPPER}]+[${LOWER}]*${CONTRACTION}?|` +
      String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ],
  // No published file has these two: they are ours, in words that mean the same in Rust.
  ['cl100k', inRust(patternSource('cl100k')!)],
  ['o200k', inRust(patternSource('o200k')!)],
]);

/** JavaScript's white space, spelled out; and the end of the text, which `$` is not where it also means that of a line. */
function inRust(source: string): string {
  const space = String.raw`\t\n\x0B\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff`;
  return source
    .replaceAll('[^\\s', `[^${space}`)
    .replaceAll('\\s', `[${space}]`)
    .replaceAll('\\S', `[^${space}]`)
    .replaceAll('$', '\\z');
}

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const sequence = (...steps: Json[]) => ({ type: 'Sequence', pretokenizers: steps });

export function preTokenizerOf(pattern: SplitPattern): Json {
  if (pattern === 'gpt2' || pattern === 'none') return byteLevel(pattern === 'gpt2');
  if (pattern === 'smollm') {
    return sequence({ type: 'Digits', individual_digits: true }, byteLevel(true));
  }
  const split = {
    type: 'Split',
    pattern: { Regex: SPLIT_TEXTS.get(pattern)! },
    behavior: 'Isolated',
    invert: false,
  };
  return sequence(split, byteLevel(false));
}

/** @throws DataError for one that does not cut like any of our patterns. */
export function patternOf(preTokenizer: ParsedJson | undefined, what: string): SplitPattern {
  const steps = stepsOf(preTokenizer, 'pretokenizers', `${what}: the pre_tokenizer`);
  const last = steps.at(-1);
  if (last?.get('type') !== 'ByteLevel') {
    throw new DataError(
      `${what}: the pre_tokenizer is ${typesOf(steps)}; only byte-level tokenizers are read, whose last step is ByteLevel`,
    );
  }
  if (last.get('add_prefix_space') === true) {
    throw new DataError(
      `${what}: the pre_tokenizer's add_prefix_space is true; only false is read`,
    );
  }
  const useRegex = last.get('use_regex') !== false;
  if (steps.length === 1) return useRegex ? 'gpt2' : 'none';
  const [first] = steps;
  if (steps.length === 2 && first?.get('type') === 'Split' && !useRegex) {
    return splitPatternOf(first, what);
  }
  const digits = first?.get('type') === 'Digits' && first.get('individual_digits') === true;
  if (steps.length === 2 && digits && useRegex) return 'smollm';
  throw new DataError(
    `${what}: the pre_tokenizer is ${typesOf(steps)} with options that are not known; known are ByteLevel alone, ` +
      'Split then ByteLevel, and single Digits then ByteLevel',
  );
}

function splitPatternOf(split: ParsedObject, what: string): SplitPattern {
  const pattern = split.get('pattern');
  const text = pattern instanceof Map ? pattern.get('Regex') : undefined;
  const name = [...SPLIT_TEXTS].find(([, known]) => known === text)?.[0];
  if (name === undefined) {
    const shown = typeof text === 'string' ? quoted(text) : 'no Regex';
    throw new DataError(
      `${what}: the pre_tokenizer splits by ${shown}, which is none of the known patterns ` +
        `(${[...SPLIT_TEXTS.keys()].join(', ')}); regular expressions of files are never run`,
    );
  }
  // As every character is in a match, to keep the matches and to remove what is not matched are the same.
  const [behavior, invert] = [split.get('behavior'), split.get('invert')];
  if (behavior === 'Isolated' && invert !== true) return name;
  if (behavior === 'Removed' && invert === true) return name;
  throw new DataError(
    `${what}: the pre_tokenizer's Split has the behavior ${JSON.stringify(behavior)} with invert ${invert}; ` +
      'read are Isolated with false, and Removed with true',
  );
}
