// Reads Hugging Face's tokenizer.json into a byte-level BPE tokenizer. The file comes from outside: everything is checked
// before it is used, and what would make other ids than Hugging Face's own reader is refused, never passed over.
// Not read are `truncation` and `padding`, which concern batches.

import { DataError } from '../errors.ts';
import { type ParsedJson, type ParsedObject, parseJson, quoted } from '../io/json.ts';
import type { AddedToken } from './added_tokens.ts';
import { type BpeModel, type BpeTokenizer, bpeTokenizer } from './bpe.ts';
import { MERGE_FIELDS } from './bpe_merge.ts';
import { fromAlphabet } from './byte_strings.ts';
import { patternOf } from './pre_tokenizers.ts';
import { object, show, stepsOf, typesOf } from './tokenizer_json_parts.ts';

const MAX_CHARACTERS = 64 << 20;
const MAX_TOKENS = 1_000_000;
const MAX_MERGES = 2_000_000;
const MAX_TOKEN_LENGTH = 1 << 16;
const MAX_ADDED_LENGTH = 1000; // each place of a text may have to be compared with one

/**
 * @param what names the file in errors
 * @throws DataError for what is malformed, and for tokenizers of other kinds than byte-level BPE
 */
export function parseTokenizerJson(text: string, what = 'tokenizer.json'): BpeTokenizer {
  return bpeTokenizer(bpeModel(parseTokenizerFile(text, what), what));
}

/** The JSON of a tokenizer's file, not looked into. */
export function parseTokenizerFile(text: string, what: string): ParsedObject {
  if (text.length > MAX_CHARACTERS) {
    throw new DataError(`${what}: ${text.length} characters; at most ${MAX_CHARACTERS} are read`);
  }
  return object(parseJson(text, { what, maxEntries: MAX_MERGES }), what);
}

export function bpeModel(file: ParsedObject, what: string): BpeModel {
  const model = object(file.get('model'), `${what}: model`);
  checkModel(model, `${what}: model`);
  const decoder = stepsOf(file.get('decoder'), 'decoders', `${what}: the decoder`);
  if (decoder.length !== 1 || decoder[0]!.get('type') !== 'ByteLevel') {
    throw new DataError(`${what}: the decoder is ${typesOf(decoder)}; expected ByteLevel`);
  }
  const added = addedTokens(file.get('added_tokens') ?? [], what);
  const idOf = vocabulary(object(model.get('vocab'), `${what}: model.vocab`), added, what);
  const frame = frameOf(file.get('post_processor'), added, what);
  return {
    tokens: tokenBytes(idOf, added, what),
    merges: mergesOf(model.get('merges'), idOf, `${what}: model.merges`),
    pattern: patternOf(file.get('pre_tokenizer'), what),
    added,
    wholePieces: model.get('ignore_merges') === true,
    nfc: isNfc(file.get('normalizer'), what),
    ...(frame && { frame }),
  };
}

function checkModel(model: ParsedObject, what: string): void {
  const type = model.get('type') ?? 'BPE'; // files from before there were others do not say
  if (type !== 'BPE') {
    throw new DataError(`${what}.type is ${quoted(String(type))}; only BPE is read`);
  }
  for (const name of [
    'continuing_subword_prefix',
    'end_of_word_suffix',
    'dropout',
    'byte_fallback',
  ]) {
    if (!model.get(name)) continue; // absent, null, '', 0 or false
    throw new DataError(`${what}.${name} is set; byte-level BPE has none`);
  }
}

function addedTokens(list: ParsedJson, what: string): AddedToken[] {
  if (!Array.isArray(list)) throw new DataError(`${what}: added_tokens is not a list`);
  const [texts, ids] = [new Set<string>(), new Set<number>()];
  return list.map((item, i) => {
    const path = `${what}: added_tokens[${i}]`;
    const entry = object(item, path);
    const [text, id] = [entry.get('content'), entry.get('id')];
    if (typeof text !== 'string' || text === '' || text.length > MAX_ADDED_LENGTH) {
      throw new DataError(`${path}.content: expected 1 to ${MAX_ADDED_LENGTH} characters`);
    }
    requireId(id, `${path} (${quoted(text)})`);
    for (const flag of ['single_word', 'lstrip', 'rstrip']) {
      if (entry.get(flag) !== true) continue;
      throw new DataError(`${path} (${quoted(text)}): ${flag} is true; only false is read`);
    }
    if (texts.has(text)) throw new DataError(`${path}: ${quoted(text)} is there twice`);
    if (ids.has(id)) throw new DataError(`${path} (${quoted(text)}): id ${id} is given twice`);
    texts.add(text);
    ids.add(id);
    return { text, id, special: entry.get('special') === true };
  });
}

/** The ids by symbol, checked to be, with those of the added tokens, 0, 1, 2, … each once. */
function vocabulary(
  vocab: ParsedObject,
  added: readonly AddedToken[],
  what: string,
): Map<string, number> {
  const idOf = new Map<string, number>();
  const symbolOf = new Map<number, string>();
  for (const [symbol, id] of vocab) {
    requireId(id, `${what}: the token ${quoted(symbol)}`);
    const other = symbolOf.get(id);
    if (other !== undefined) {
      throw new DataError(`${what}: ${quoted(other)} and ${quoted(symbol)} both have the id ${id}`);
    }
    idOf.set(symbol, id);
    symbolOf.set(id, symbol);
  }
  for (const { text, id } of added) {
    const other = symbolOf.get(id);
    if ((other ?? text) !== text || (idOf.get(text) ?? id) !== id) {
      throw new DataError(
        `${what}: the added token ${quoted(text)} has the id ${id}, and in the vocabulary ` +
          (other === undefined ? `it has ${idOf.get(text)}` : `${quoted(other)} has it`),
      );
    }
    symbolOf.set(id, text);
  }
  for (let id = 0; id < symbolOf.size; id++) {
    if (symbolOf.has(id)) continue;
    throw new DataError(`${what}: there are ${symbolOf.size} tokens, and none has the id ${id}`);
  }
  return idOf;
}

function requireId(id: ParsedJson | undefined, what: string): asserts id is number {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < MAX_TOKENS) return;
  throw new DataError(`${what} has the id ${show(id)}; expected 0 to ${MAX_TOKENS - 1}`);
}

/** Byte strings by id; '' for added tokens, which no merge makes. */
function tokenBytes(
  idOf: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
  what: string,
): string[] {
  const isAdded = new Set(added.map(({ text }) => text));
  const tokens = new Array<string>(idOf.size + added.length).fill('');
  for (const [symbol, id] of idOf) {
    if (isAdded.has(symbol)) continue;
    if (symbol === '' || symbol.length > MAX_TOKEN_LENGTH) {
      throw new DataError(
        `${what}: the token with the id ${id} has ${symbol.length} characters; expected 1 to ${MAX_TOKEN_LENGTH}`,
      );
    }
    const bytes = fromAlphabet(symbol);
    if (bytes === null) {
      throw new DataError(
        `${what}: the token ${quoted(symbol)} has characters that stand for no byte; is this a byte-level tokenizer?`,
      );
    }
    tokens[id] = bytes;
  }
  return tokens.slice(0, tokens.findLastIndex((token) => token !== '') + 1);
}

/** Every merge joins two tokens of the vocabulary into a third. As the third is longer than both, there is no cycle. */
function mergesOf(
  list: ParsedJson | undefined,
  idOf: ReadonlyMap<string, number>,
  what: string,
): Int32Array {
  if (!Array.isArray(list)) throw new DataError(`${what} is not a list`);
  const merges = new Int32Array(MERGE_FIELDS * list.length);
  const seen = new Set<string>();
  list.forEach((item, rank) => {
    const parts = typeof item === 'string' ? item.split(' ') : item;
    const [left, right] = Array.isArray(parts) && parts.length === 2 ? parts : [];
    if (typeof left !== 'string' || typeof right !== 'string') {
      throw new DataError(`${what}[${rank}] is ${show(item)}; expected two tokens`);
    }
    if (left === '' || right === '') {
      throw new DataError(
        `${what}[${rank}] joins ${quoted(left || right)} with nothing, which gives the same token again: a cycle`,
      );
    }
    const pair = `${left} ${right}`;
    if (seen.has(pair)) throw new DataError(`${what}[${rank}]: ${quoted(pair)} is there twice`);
    seen.add(pair);
    const ids = [left, right, left + right].map((symbol) => {
      const id = idOf.get(symbol);
      if (id !== undefined) return id;
      throw new DataError(
        `${what}[${rank}], ${quoted(pair)}: the vocabulary has no token ${quoted(symbol)}`,
      );
    });
    merges.set([...ids, rank], MERGE_FIELDS * rank);
  });
  return merges;
}

function isNfc(normalizer: ParsedJson | undefined, what: string): boolean {
  const steps = stepsOf(normalizer, 'normalizers', `${what}: the normalizer`);
  if (steps.some((step) => step.get('type') !== 'NFC')) {
    throw new DataError(`${what}: the normalizer is ${typesOf(steps)}; read are NFC and none`);
  }
  return steps.length > 0;
}

/** The added tokens that the post-processor puts before and after a text. */
function frameOf(
  processor: ParsedJson | undefined,
  added: readonly AddedToken[],
  what: string,
): BpeModel['frame'] {
  const all = stepsOf(processor, 'processors', `${what}: the post_processor`);
  const steps = all.filter((step) => step.get('type') !== 'ByteLevel');
  if (steps.length === 0) return undefined;
  const [template] = steps;
  const single = template!.get('single');
  if (
    steps.length > 1 ||
    template!.get('type') !== 'TemplateProcessing' ||
    !Array.isArray(single)
  ) {
    throw new DataError(
      `${what}: the post_processor is ${typesOf(steps)}; ` +
        'read are ByteLevel, TemplateProcessing and none',
    );
  }
  const names = single.map((piece) => {
    const entry = piece instanceof Map ? piece.get('SpecialToken') : undefined;
    return entry instanceof Map ? entry.get('id') : null; // null: the text
  });
  const ids = names.map((name) => {
    if (name === null) return null;
    const token = added.find(({ text }) => text === name);
    if (token) return token.id;
    throw new DataError(`${what}: the post_processor's ${show(name)} is no added token`);
  });
  const at = ids.indexOf(null);
  if (at === -1 || at !== ids.lastIndexOf(null)) {
    throw new DataError(`${what}: the post_processor's template does not hold the text once`);
  }
  const isId = (id: number | null) => id !== null;
  return { before: ids.slice(0, at).filter(isId), after: ids.slice(at + 1).filter(isId) };
}
