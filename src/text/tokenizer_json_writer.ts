// A BPE tokenizer as Hugging Face's tokenizer.json.

import { DataError } from '../errors.ts';
import type { BpeModel } from './bpe.ts';
import { MERGE_FIELDS } from './bpe_merge.ts';
import { toAlphabet } from './byte_strings.ts';
import { preTokenizerOf } from './pre_tokenizers.ts';

/** @throws DataError where an id below the highest has no token: a file cannot say so. */
export function writeTokenizerJson(model: BpeModel) {
  requireDense(model);
  const symbols = model.tokens.map(toAlphabet);
  const added = model.added.toSorted((a, b) => a.id - b.id);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map(({ id, text, special }) => ({
      id,
      content: text,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special,
    })),
    normalizer: model.nfc ? { type: 'NFC' } : null,
    pre_tokenizer: preTokenizerOf(model.pattern),
    post_processor: postProcessor(model),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: model.wholePieces ?? false,
      vocab: Object.fromEntries(
        symbols.map((symbol, id) => [symbol, id] as const).filter(([symbol]) => symbol !== ''),
      ),
      merges: Array.from({ length: model.merges.length / MERGE_FIELDS }, (_, i) => {
        const [left, right] = model.merges.subarray(MERGE_FIELDS * i);
        return `${symbols[left!]} ${symbols[right!]}`;
      }),
    },
  };
}

function requireDense({ tokens, added }: BpeModel): void {
  const present = new Set(added.map(({ id }) => id));
  for (const [id, token] of tokens.entries()) if (token !== '') present.add(id);
  for (let id = 0; id < present.size; id++) {
    if (present.has(id)) continue;
    throw new DataError(
      `tokenizer.json: id ${id} has no token, and a higher one has; give it a special token`,
    );
  }
}

/** The frame around `$A`, and around a pair `$A`, `$B`. */
function postProcessor({ frame, added }: BpeModel) {
  if (frame === undefined) return null;
  const textOf = (id: number) => added.find((token) => token.id === id)!.text;
  const special = (type: number) => (id: number) => ({
    SpecialToken: { id: textOf(id), type_id: type },
  });
  const around = (sequence: 'A' | 'B', type: number) => [
    ...frame.before.map(special(type)),
    { Sequence: { id: sequence, type_id: type } },
    ...frame.after.map(special(type)),
  ];
  const ids = [...new Set([...frame.before, ...frame.after])];
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      ids.map((id) => [textOf(id), { id: textOf(id), ids: [id], tokens: [textOf(id)] }]),
    ),
  };
}
