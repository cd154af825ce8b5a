// Generation of text: prompts encoded, tokens decoded as they come, and texts at which a row stops.

import { ConfigError, DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { decodeStream, type Tokenizer } from '../text/tokenizer.ts';
import { type HiddenTags, visibleStream, visibleText } from '../text/visible.ts';
import { type Generated, type GenerateOptions, generate } from './generate.ts';
import type { Transformer } from './transformer.ts';

export interface GenerateTextOptions extends Omit<GenerateOptions, 'stop' | 'onTokens'> {
  /** A row ends before the first of these texts that it writes. Default: none. */
  readonly stopTexts?: readonly string[];
  /** What stands between these tags, such as a reasoning buffer, is in no text and never told. Default: nothing. */
  readonly hidden?: HiddenTags;
  /** More text of a row, as soon as it is certain: never half a character, nor the beginning of a stop text. */
  readonly onText?: (row: number, text: string) => void;
}

export interface GeneratedText {
  readonly promptIds: number[];
  /** Up to the token that completed a stop text, if one did. */
  readonly newIds: number[];
  readonly logProbs: number[];
  /** Without the prompt, the end token and the stop text. */
  readonly text: string;
  readonly finishReason: Generated['finishReason'] | 'stopText';
}

/**
 * Continues each prompt.
 * @param prompts texts, in which special tokens count as such, or ids
 * @throws DataError for a prompt that the tokenizer has no tokens for, and as `generate`.
 */
export async function generateText(
  device: Device,
  { model, tokenizer }: { readonly model: Transformer; readonly tokenizer: Tokenizer },
  prompts: readonly (string | readonly number[])[],
  options: GenerateTextOptions,
): Promise<GeneratedText[]> {
  const { stopTexts = [], hidden, onText, ends = [], ...rest } = options;
  if (stopTexts.some((text) => text === ''))
    throw new ConfigError('generateText: a stop text is empty; it would stop at once');
  const promptIds = prompts.map((prompt, i) => {
    const ids =
      typeof prompt === 'string'
        ? Array.from(tokenizer.encode(prompt, { specials: 'allow' }))
        : [...prompt];
    if (ids.length === 0) throw new DataError(`generateText: prompt ${i} is empty; give some text`);
    return ids;
  });
  const rows = prompts.map(
    (_, row) =>
      new Row(
        tokenizer,
        stopTexts,
        ends,
        teller(hidden, (text) => onText?.(row, text)),
      ),
  );
  const generated = await generate(device, model, promptIds, {
    ...rest,
    ends,
    onTokens: (news) => {
      for (const [row, ids] of news.entries()) rows[row]!.take(ids);
    },
    stop: () => rows.every(({ done }) => done),
  });
  return generated.map(({ newIds, logProbs, finishReason }, i) => {
    const row = rows[i]!;
    row.finish();
    return {
      promptIds: promptIds[i]!,
      newIds: newIds.slice(0, row.taken),
      logProbs: logProbs.slice(0, row.taken),
      text: hidden ? visibleText(row.text, hidden) : row.text,
      finishReason: row.stopped ? 'stopText' : finishReason,
    };
  });
}

/** Tells a row's text on, piece by piece, and what waited at its end. */
interface Teller {
  tell(text: string): void;
  end(): void;
}

function teller(hidden: HiddenTags | undefined, onText: (text: string) => void): Teller {
  if (!hidden) return { tell: onText, end() {} };
  const stream = visibleStream(hidden);
  const tell = (text: string) => {
    if (text !== '') onText(text);
  };
  return { tell: (text) => tell(stream.push(text)), end: () => tell(stream.end()) };
}

/** One row's text so far. */
class Row {
  text = '';
  /** Whether a stop text was met. */
  stopped = false;
  /** Tokens that count. */
  taken = 0;
  private told = 0;
  private ended = false;
  private readonly decoder;

  constructor(
    tokenizer: Tokenizer,
    private readonly stopTexts: readonly string[],
    private readonly ends: readonly number[],
    private readonly teller: Teller,
  ) {
    this.decoder = decodeStream(tokenizer);
  }

  get done(): boolean {
    return this.stopped || this.ended;
  }

  take(ids: readonly number[]): void {
    for (const id of ids) {
      if (this.done) return;
      this.taken++;
      if (this.ends.includes(id)) this.ended = true;
      else this.add(this.decoder.push(id));
    }
    // What may be the beginning of a stop text waits.
    this.tell(this.text.length - this.openEnd());
  }

  /** Tells the rest. */
  finish(): void {
    if (!this.stopped) this.add(this.decoder.end());
    this.tell(this.text.length);
    this.teller.end();
  }

  private add(piece: string): void {
    const from = Math.max(0, this.text.length - this.longestStop());
    this.text += piece;
    const found = this.stopTexts
      .map((stop) => this.text.indexOf(stop, from))
      .filter((at) => at >= 0);
    if (found.length === 0) return;
    this.stopped = true;
    this.text = this.text.slice(0, Math.min(...found));
  }

  private longestStop(): number {
    return Math.max(0, ...this.stopTexts.map(({ length }) => length));
  }

  /** The length of the longest end of the text that begins a stop text. */
  private openEnd(): number {
    if (this.stopped) return 0;
    for (let length = Math.min(this.longestStop() - 1, this.text.length); length > 0; length--) {
      if (this.stopTexts.some((stop) => stop.startsWith(this.text.slice(-length)))) return length;
    }
    return 0;
  }

  private tell(end: number): void {
    if (end <= this.told) return;
    this.teller.tell(this.text.slice(this.told, end));
    this.told = end;
  }
}
