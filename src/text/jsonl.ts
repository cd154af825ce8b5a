// JSON Lines: one JSON object a line. What is wrong is told with the file's name and the line's number.

import { DataError } from '../errors.ts';
import { type ParsedObject, parseJson } from '../io/json.ts';

export interface JsonLine {
  /** Counted from 1. */
  readonly line: number;
  readonly value: ParsedObject;
}

/** Longer lines are some other file. */
const MAX_LINE_CHARACTERS = 1 << 20;
const MAX_LINES = 1_000_000;
const MAX_DEPTH = 16;

/**
 * The objects of a text, lazily; empty lines are passed over.
 * @param what names the file in errors: `data.jsonl:3: …`
 * @throws DataError for a line that is not one strict JSON object, for a very long one, for too many, and where there is none.
 */
export function* jsonLines(text: string, what: string): Generator<JsonLine> {
  let found = 0;
  for (let line = 1, begin = 0; begin < text.length; line++) {
    const lineBreak = text.indexOf('\n', begin);
    const end = lineBreak < 0 ? text.length : lineBreak;
    const place = `${what}:${line}`;
    if (end - begin > MAX_LINE_CHARACTERS) {
      throw new DataError(
        `${place}: ${end - begin} characters exceed the limit of ${MAX_LINE_CHARACTERS} for a line`,
      );
    }
    const content = text.slice(begin, end).trim();
    begin = end + 1;
    if (content === '') continue;
    if (++found > MAX_LINES) throw new DataError(`${place}: more than ${MAX_LINES} lines`);
    const value = parseJson(content, { what: place, maxDepth: MAX_DEPTH });
    if (!(value instanceof Map))
      throw new DataError(`${place}: expected an object, as {"prompt": …}`);
    yield { line, value };
  }
  if (found === 0) throw new DataError(`${what}: no lines; expected one JSON object a line`);
}
