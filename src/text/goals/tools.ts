// Example tool calls -> tool-using agent: the system message declares tools, the model calls one that serves, its result comes
// back as a message of its own, which is not the model's to learn, and the model answers with it.

import { DataError } from '../../errors.ts';
import { parseJson, toPlain } from '../../io/json.ts';
import type { RandomStream } from '../../tensor/philox.ts';
import type { Message } from '../chat_template.ts';
import { assistant, type Goal, lastOf, NOT_A_QUESTION, oneOf, unless, user } from './goal.ts';

type Value = number | string;
type Arguments = Readonly<Record<string, Value>>;

interface Tool {
  readonly parameters: Readonly<Record<string, 'number' | 'string'>>;
  run(values: Arguments): Value;
  /** A question that it serves, and what reads it: its groups are the arguments, in order. */
  readonly ask: (...values: Value[]) => string;
  readonly read: RegExp;
}

const numbers = { a: 'number', b: 'number' } as const;
const word = { word: 'string' } as const;

const TOOLS: Readonly<Record<string, Tool>> = {
  add: {
    parameters: numbers,
    run: ({ a, b }) => Number(a) + Number(b),
    ask: (a, b) => `What is ${a} plus ${b}?`,
    read: /^What is (\d+) plus (\d+)\?$/,
  },
  multiply: {
    parameters: numbers,
    run: ({ a, b }) => Number(a) * Number(b),
    ask: (a, b) => `What is ${a} times ${b}?`,
    read: /^What is (\d+) times (\d+)\?$/,
  },
  length: {
    parameters: word,
    run: ({ word }) => String(word).length,
    ask: (word) => `How long is the word ${word}?`,
    read: /^How long is the word (\w+)\?$/,
  },
  reverse: {
    parameters: word,
    run: ({ word }) => [...String(word)].reverse().join(''),
    ask: (word) => `What is ${word} backwards?`,
    read: /^What is (\w+) backwards\?$/,
  },
};

const WORDS = ['kite', 'shell', 'drum', 'garden', 'egg', 'school'];
const DECLARATION = 'Tools: ';
const NO_TOOL = 'I have no tool for that.';

interface Call {
  readonly name: string;
  readonly arguments: Arguments;
}

/** The call that a question asks for; null where no tool of ours would serve. */
function callFor(question: string): Call | null {
  for (const [name, { parameters, read }] of Object.entries(TOOLS)) {
    const found = read.exec(question)?.slice(1);
    if (!found) continue;
    const values = Object.entries(parameters).map(([key, type], i): [string, Value] => {
      return [key, type === 'number' ? Number(found[i]) : found[i]!];
    });
    return { name, arguments: Object.fromEntries(values) };
  }
  return null;
}

function declared(names: readonly string[]): Message {
  const tools = names.map((name) => ({ name, parameters: TOOLS[name]!.parameters }));
  return { role: 'system', content: DECLARATION + JSON.stringify(tools) };
}

function declaredIn(messages: readonly Message[]): string[] {
  const system = messages.find(({ role }) => role === 'system')?.content ?? '';
  if (!system.startsWith(DECLARATION)) return [];
  const list = toPlain(parseJson(system.slice(DECLARATION.length), { what: 'the declared tools' }));
  return Array.isArray(list) ? list.map((tool) => String((tool as { name?: unknown }).name)) : [];
}

/** What is wrong with a call, as one reads JSON that a model wrote. */
function faultOfCall(reply: string, wanted: Call, tools: readonly string[]): string | null {
  let call: unknown;
  try {
    call = toPlain(parseJson(reply, { what: 'the call', maxDepth: 3 }));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return error.message;
  }
  const { name, arguments: given, ...others } = Object(call) as Partial<Call>;
  if (typeof name !== 'string' || Object.keys(others).length > 0)
    return 'expected {"name": …, "arguments": …}';
  if (!tools.includes(name)) return `no tool ${JSON.stringify(name)} is declared`;
  const values = Object(given) as Record<string, unknown>;
  const { parameters } = TOOLS[name]!;
  for (const key of new Set([...Object.keys(parameters), ...Object.keys(values)])) {
    if (!Object.hasOwn(parameters, key)) return `${name} has no argument ${JSON.stringify(key)}`;
    if (typeof values[key] !== parameters[key]) return `${key} of ${name} is no ${parameters[key]}`;
  }
  if (name !== wanted.name) return `calls ${name}, where ${wanted.name} serves`;
  const wrong = Object.keys(parameters).find((key) => values[key] !== wanted.arguments[key]);
  return wrong === undefined
    ? null
    : `${wrong} is ${values[wrong]}, not ${wanted.arguments[wrong]}`;
}

function drawQuestion(random: RandomStream, name: string): string {
  const { parameters, ask } = TOOLS[name]!;
  const draw = { number: () => 2 + random.integer(98), string: () => oneOf(random, WORDS) };
  return ask(...Object.values(parameters).map((type) => draw[type]()));
}

export const tools: Goal = {
  about: 'tool calls: the declared tool that serves, its result, and the answer with it',
  draw(random) {
    const names = Object.keys(TOOLS);
    const order = [...random.shuffle(Uint32Array.from(names.keys()))].map((i) => names[i]!);
    const offered = order.slice(0, 2 + random.integer(2));
    // One time in five what is asked for is not among them.
    const wanted = random.integer(5) === 0 ? order.at(-1)! : oneOf(random, offered);
    const question = drawQuestion(random, wanted);
    const opening = [declared(offered), user(question)];
    if (!offered.includes(wanted)) return [...opening, assistant(NO_TOOL)];
    const call = callFor(question)!;
    const result = String(TOOLS[wanted]!.run(call.arguments));
    return [
      ...opening,
      assistant(JSON.stringify(call)),
      { role: 'tool', content: result },
      assistant(`It is ${result}.`),
    ];
  },
  fault(before, reply) {
    const last = lastOf(before);
    if (last.role === 'tool') return unless(reply, `It is ${last.content}.`);
    const wanted = callFor(last.content);
    if (!wanted) return NOT_A_QUESTION;
    const offered = declaredIn(before);
    if (!offered.includes(wanted.name)) return unless(reply, NO_TOOL);
    return reply === NO_TOOL ? `${wanted.name} serves` : faultOfCall(reply, wanted, offered);
  },
};
