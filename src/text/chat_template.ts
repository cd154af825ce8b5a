// How a conversation becomes text, and which parts of that text a model learns to write: what the assistant says, and the
// mark that ends it. Templates are code, by name: none is read from a file.

import { ConfigError } from '../errors.ts';

/** A tool's message is the result of what the assistant called. */
export const ROLES = ['system', 'user', 'assistant', 'tool'] as const;
export type Role = (typeof ROLES)[number];

export interface Message {
  readonly role: Role;
  readonly content: string;
}

/** A piece of a text that a model is trained on. */
export interface Segment {
  readonly text: string;
  /** Whether its tokens count in the loss. */
  readonly counted: boolean;
  /** Whether it is a template's, with marks that data must not be able to write. */
  readonly mark: boolean;
}

interface ChatTemplate {
  /** Before the first message. */
  readonly begin: string;
  /** Before a message's content. */
  readonly open: (role: Role) => string;
  /** After a message's content; the assistant writes it. */
  readonly end: string;
  /** After that, up to the next message. */
  readonly between: string;
}

const NAMES: Readonly<Record<Role, string>> = {
  system: 'System',
  user: 'User',
  assistant: 'Assistant',
  tool: 'Tool',
};

const TEMPLATES = {
  /** One message a line, without names: the little that a model of few characters needs. */
  lines: { begin: '', open: () => '', end: '\n', between: '' },
  /** Plain text with names. */
  dialogue: { begin: '', open: (role) => `${NAMES[role]}: `, end: '\n', between: '' },
  /** Documents one after another, as GPT-2 read them. */
  document: { begin: '', open: () => '', end: '<|endoftext|>', between: '' },
  /** Qwen, SmolLM and many others. */
  chatml: {
    begin: '',
    open: (role) => `<|im_start|>${role}\n`,
    end: '<|im_end|>',
    between: '\n',
  },
  llama3: {
    begin: '<|begin_of_text|>',
    open: (role) => `<|start_header_id|>${role === 'tool' ? 'ipython' : role}<|end_header_id|>\n\n`,
    end: '<|eot_id|>',
    between: '',
  },
} satisfies Record<string, ChatTemplate>;

export type ChatTemplateName = keyof typeof TEMPLATES;
export const CHAT_TEMPLATES = Object.keys(TEMPLATES) as ChatTemplateName[];

function templateNamed(name: string): ChatTemplate {
  if (Object.hasOwn(TEMPLATES, name)) return TEMPLATES[name as ChatTemplateName];
  throw new ConfigError(`no chat template "${name}"; there are ${CHAT_TEMPLATES.join(', ')}`);
}

const mark = (text: string, counted = false): Segment => ({ text, counted, mark: true });
const data = (text: string, counted = false): Segment => ({ text, counted, mark: false });

/** A conversation as text; what the assistant says counts, with the mark at its end. */
export function chatSegments(messages: readonly Message[], template: string): Segment[] {
  const { begin, open, end, between } = templateNamed(template);
  const segments = messages.flatMap(({ role, content }) => {
    const counted = role === 'assistant';
    return [mark(open(role)), data(content, counted), mark(end, counted), mark(between)];
  });
  return [mark(begin), ...segments].filter(({ text }) => text !== '');
}

/** The same up to where the assistant's next message begins: what it is asked to continue. */
export function chatPrompt(messages: readonly Message[], template: string): Segment[] {
  return [
    ...chatSegments(messages, template),
    mark(templateNamed(template).open('assistant')),
  ].filter(({ text }) => text !== '');
}

/** A prompt and its completion as they stand, and the template's mark of an end; the completion counts, with the mark. */
export function completionSegments(
  { prompt, completion }: { readonly prompt: string; readonly completion: string },
  template: string,
): Segment[] {
  return [data(prompt), data(completion, true), mark(templateNamed(template).end, true)];
}

/** The text that ends what the model writes. */
export function endMark(template: string): string {
  return templateNamed(template).end;
}
