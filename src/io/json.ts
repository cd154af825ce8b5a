// Strict JSON for files from outside and for state that must come back exactly.
//
// `JSON.parse` keeps the last of two equal keys and says nothing, takes `1e3` for a length, and recurses as deep as the
// file asks; `JSON.stringify` turns NaN into null and -0 into 0. Here each of these is an error or survives.

import { DataError } from '../errors.ts';

/** What a JSON text can hold, as plain values. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** What `parseJson` gives. Objects are Maps, so that a key such as `__proto__` is a key like any other. */
export type ParsedJson = null | boolean | number | string | ParsedJson[] | ParsedObject;
export type ParsedObject = Map<string, ParsedJson>;

export interface JsonRules {
  /** What is parsed, the beginning of every error message. */
  what: string;
  /** 'naturals': only 0, 1, 2, … up to 2^53 - 1, written plainly. Default 'all'. */
  numbers?: 'all' | 'naturals';
  /** Nested arrays and objects. Default 64. */
  maxDepth?: number;
  /** Entries of one object or array. Default none. */
  maxEntries?: number;
}

const DEFAULT_MAX_DEPTH = 64;

/**
 * Parses a whole JSON text.
 * @throws DataError for anything but strict JSON: duplicate keys, lone surrogates, numbers beyond float64, text
 *   after the value
 */
export function parseJson(text: string, rules: JsonRules): ParsedJson {
  const scanner = new Scanner(text, rules);
  const value = scanner.value();
  scanner.end();
  return value;
}

/** The plain form of a parsed value. `Object.fromEntries` defines keys, so `__proto__` cannot replace a prototype. */
export function toPlain(parsed: ParsedJson): Json {
  if (Array.isArray(parsed)) return parsed.map(toPlain);
  if (!(parsed instanceof Map)) return parsed;
  return Object.fromEntries([...parsed].map(([key, value]) => [key, toPlain(value)]));
}

/** Decodes UTF-8. A byte order mark is kept, for the parser to refuse. @throws DataError for bytes that are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${what}: not valid UTF-8`, { cause });
  }
}

/** A name from a file as an error message may show it: quoted, and cut where it is long. */
export function quoted(name: string): string {
  return name.length <= 80
    ? JSON.stringify(name)
    : `${JSON.stringify(name.slice(0, 60))}… (${name.length} characters)`;
}

/**
 * Writes a value so that `parseJson` gives the same value back, bit for bit.
 * Entries that are `undefined` are left out of objects, as in `JSON.stringify`.
 * @param what names the value in errors, e.g. 'state'
 * @throws DataError, with the path of the entry, for what JSON cannot hold: NaN, infinities, typed arrays, class
 *   instances, functions.
 */
export function formatJson(value: unknown, what: string, { sortKeys = false } = {}): string {
  const format = (value: unknown, path: string, depth: number): string => {
    if (value === null || typeof value === 'boolean') return String(value);
    if (typeof value === 'number') return formatNumber(value, path);
    if (typeof value === 'string') return formatString(value, path);
    if (depth >= DEFAULT_MAX_DEPTH) {
      throw new DataError(
        `${path.slice(0, 80)}…: nested deeper than ${DEFAULT_MAX_DEPTH} (a cycle?)`,
      );
    }
    if (Array.isArray(value)) {
      return `[${Array.from(value, (item, i) => format(item, `${path}[${i}]`, depth + 1)).join(',')}]`;
    }
    if (!isPlainObject(value)) {
      throw new DataError(`${path} is ${describe(value)}, which JSON cannot hold`);
    }
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    if (sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const members = entries.map(
      ([key, item]) => `${formatString(key, path)}:${format(item, `${path}.${key}`, depth + 1)}`,
    );
    return `{${members.join(',')}}`;
  };
  return format(value, what, 0);
}

function formatNumber(value: number, path: string): string {
  if (!Number.isFinite(value)) {
    throw new DataError(`${path} is ${value}, which JSON cannot hold; use null`);
  }
  return Object.is(value, -0) ? '-0' : String(value);
}

function formatString(value: string, path: string): string {
  if (LONE_SURROGATE.test(value)) {
    throw new DataError(`${path} holds half of a surrogate pair, which UTF-8 cannot hold`);
  }
  return JSON.stringify(value);
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    return `a ${value.constructor.name} (keep it among the tensors, or as a plain array)`;
  }
  return typeof value === 'object' ? `a ${value?.constructor.name}` : `of type ${typeof value}`;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NATURAL = /^(?:0|[1-9]\d{0,15})$/;
const HEX4 = /[0-9a-fA-F]{4}/y;
const ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Reads one text from left to right; `path` is where it stands, for the error messages. */
class Scanner {
  private at = 0;
  private readonly path: (string | number)[] = [];

  constructor(
    private readonly text: string,
    private readonly rules: JsonRules,
  ) {}

  value(): ParsedJson {
    this.space();
    const char = this.text[this.at];
    if (char === '{') return this.object();
    if (char === '[') return this.array();
    if (char === '"') return this.string();
    if (char === 't') return this.word('true', true);
    if (char === 'f') return this.word('false', false);
    if (char === 'n') return this.word('null', null);
    return this.number();
  }

  end(): void {
    this.space();
    if (this.at < this.text.length) this.fail('text after the end of the value');
  }

  private object(): ParsedObject {
    const entries: ParsedObject = new Map();
    this.members('}', () => {
      this.space();
      if (this.text[this.at] !== '"') this.fail('expected a key in quotes');
      const key = this.string();
      if (entries.has(key)) this.fail(`duplicate key ${quoted(key)}`);
      this.space();
      this.take(':');
      this.path.push(key);
      entries.set(key, this.value());
      this.path.pop();
    });
    return entries;
  }

  private array(): ParsedJson[] {
    const items: ParsedJson[] = [];
    this.members(']', () => {
      this.path.push(items.length);
      items.push(this.value());
      this.path.pop();
    });
    return items;
  }

  /** Opening bracket, members between commas, closing bracket. */
  private members(close: string, member: () => void): void {
    const { maxDepth = DEFAULT_MAX_DEPTH, maxEntries = Number.POSITIVE_INFINITY } = this.rules;
    if (this.path.length >= maxDepth) this.fail(`nested deeper than ${maxDepth}`);
    this.at++;
    this.space();
    if (this.text[this.at] === close) {
      this.at++;
      return;
    }
    for (let entries = 1; ; entries++) {
      if (entries > maxEntries) this.fail(`more than ${maxEntries} entries`);
      member();
      this.space();
      if (this.text[this.at] !== ',') break;
      this.at++;
    }
    this.take(close);
  }

  private string(): string {
    this.at++;
    let value = '';
    let from = this.at;
    let escaped = false;
    for (;;) {
      const code = this.text.charCodeAt(this.at); // NaN at the end
      if (code === 0x22) break;
      if (!(code >= 0x20)) {
        this.fail(
          Number.isNaN(code) ? 'the text ends within a string' : 'control character in a string',
        );
      }
      if (code !== 0x5c) {
        this.at++;
        continue;
      }
      value += this.text.slice(from, this.at) + this.escape();
      from = this.at;
      escaped = true;
    }
    value += this.text.slice(from, this.at);
    // Only an escape can make half a pair: text that was decoded from UTF-8 holds none.
    if (escaped && LONE_SURROGATE.test(value)) this.fail('half of a surrogate pair in a string');
    this.at++;
    return value;
  }

  private escape(): string {
    const char = this.text[this.at + 1] ?? '';
    const plain = ESCAPES[char];
    if (plain !== undefined) {
      this.at += 2;
      return plain;
    }
    HEX4.lastIndex = this.at + 2;
    const digits = char === 'u' ? HEX4.exec(this.text)?.[0] : undefined;
    if (digits === undefined) return this.fail('unknown escape in a string');
    this.at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private number(): number {
    NUMBER.lastIndex = this.at;
    const token = NUMBER.exec(this.text)?.[0];
    if (token === undefined) {
      return this.fail(this.at < this.text.length ? 'expected a value' : 'the text ends early');
    }
    const value = Number(token);
    if (
      this.rules.numbers === 'naturals' &&
      !(NATURAL.test(token) && Number.isSafeInteger(value))
    ) {
      this.fail(`${token.slice(0, 40)} is not an integer from 0 to 2^53 - 1, written plainly`);
    }
    if (!Number.isFinite(value)) this.fail(`${token.slice(0, 40)} is beyond float64`);
    this.at += token.length;
    return value;
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.fail('expected a value');
    this.at += word.length;
    return value;
  }

  private take(char: string): void {
    if (this.text[this.at] !== char) this.fail(`expected ${char}`);
    this.at++;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private fail(reason: string): never {
    const place = this.path
      .map((step) => (typeof step === 'number' ? `[${step}]` : quoted(step)))
      .join('.');
    throw new DataError(
      `${this.rules.what}: ${reason}${place && ` in ${place}`} (character ${this.at})`,
    );
  }
}
