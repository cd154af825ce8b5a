// shadegrad chat: a conversation with a model, in the terminal or through a pipe.

import type { Command } from 'commander';
import { openFolder } from '#folder';
import { DataError } from '../errors.ts';
import { Conversation, type ReplyOptions } from '../llm/conversation.ts';
import type { OpenedModel } from '../llm/open_model.ts';
import { chooseTemplate } from '../llm/template_choice.ts';
import { Device } from '../ops/device.ts';
import { CHAT_TEMPLATES } from '../text/chat_template.ts';
import {
  addModelOptions,
  addSamplingOptions,
  type ModelFlags,
  openModelOf,
  type SamplingFlags,
  samplingOptions,
} from './generate.ts';
import { inputLines } from './input_lines.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { withoutControls } from './progress.ts';

interface ChatFlags extends SamplingFlags, ModelFlags {
  readonly template?: string;
  readonly system?: string;
  readonly json?: boolean;
}

const COMMANDS = `/reset   forget what was said
/help    this list
/quit    leave, as Ctrl-D does; Ctrl-C stops a reply, and leaves at the prompt`;

const HELP = `
A line is a message, also one that comes through a pipe; a reply keeps what was said in view, and the oldest turns are dropped
where the context is full. A line that is one of these words is a command:
${COMMANDS.replace(/^/gm, '  ')}

The chat template is the one that the model was fine-tuned with here; a Hugging Face model's is recognised by the special
tokens of its tokenizer, and --template chooses another.
With --json each message gives one object: ids, newIds, text, finishReason, dropped; or error, where it was refused.

Examples:
  shadegrad chat --model runs/finetune-1
  shadegrad chat --model SmolLM-135M-Instruct --system 'Answer in one sentence.' --temperature 0.7
  shadegrad chat --model SmolLM-135M --lora runs/finetune-2 --template chatml
  printf 'Hello\\nWho are you?\\n' | shadegrad chat --model runs/finetune-1 --greedy --json`;

const nothing = () => {};

export function addChat(program: Command): void {
  const command = program
    .command('chat')
    .description(
      'talk with a model: a run of shadegrad finetune or train, or a Hugging Face folder',
    )
    .option('--template <name>', `how messages become text: ${CHAT_TEMPLATES.join(', ')}`)
    .option('--system <text>', 'the system message: how the model is to behave');
  addModelOptions(command);
  addSamplingOptions(command)
    .option('--json', 'print JSON only, one object per reply')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(flags: ChatFlags): Promise<void> {
  const { json = false, system } = flags;
  const device = await Device.open({ adapter: flags.adapter, ...(json && { announce: null }) });
  try {
    const opened = await openModelOf(device, flags);
    const { template, why } = await templateOf(flags, opened);
    using conversation = new Conversation(device, opened, { template, system });
    // A reply takes half of the context at most, so that there is something to reply to.
    const room = Math.max(1, opened.model.config.context >> 1);
    const options = { ...samplingOptions(flags, { ends: [], room }), readEvery: 4 };
    const start = () => {
      if (!json) console.error(`template ${template} (${why}); --template chooses another`);
      if (process.stdin.isTTY && !json) console.error('/help lists the commands\n');
    };
    const answerTo = (text: string, signal: AbortSignal) =>
      answer(conversation, text, { ...options, signal }, json);
    // A person stops a reply and goes on; of lines from a pipe none is read any more.
    if (process.stdin.isTTY) {
      start();
      const reply = (text: string) => interruptible(nothing, (signal) => answerTo(text, signal));
      await talk(conversation, inputLines('> '), reply);
    } else {
      await interruptible(nothing, async (signal) => {
        start(); // Ctrl-C ends it from here on
        await talk(conversation, inputLines('', signal), (text) => answerTo(text, signal));
        if (signal.aborted) process.exitCode = INTERRUPTED;
      });
    }
  } finally {
    device.destroy();
  }
}

/** Line by line: commands are obeyed, and messages answered. */
async function talk(
  conversation: Conversation,
  lines: AsyncIterable<string>,
  reply: (text: string) => Promise<void>,
): Promise<void> {
  for await (const line of lines) {
    const text = line.trim();
    if (text === '/quit') return;
    if (/^\/[a-z]+$/.test(text)) obey(text, conversation);
    else if (text !== '') await reply(text);
  }
}

async function templateOf(
  { template, model, lora }: ChatFlags,
  { tokenizer }: OpenedModel,
): Promise<{ template: string; why: string }> {
  if (template !== undefined) return { template, why: 'as asked' };
  const folders = [lora, model].filter((path) => path !== undefined);
  return chooseTemplate(tokenizer, await Promise.all(folders.map(openFolder)));
}

function obey(command: string, conversation: Conversation): void {
  if (command === '/help') console.error(COMMANDS);
  else if (command === '/reset') conversation.reset();
  else console.error(`no command ${command}; there are\n${COMMANDS}`);
}

/** Prints the reply as it comes, or why there is none: the message is refused then, and the conversation goes on. */
async function answer(
  conversation: Conversation,
  text: string,
  options: ReplyOptions,
  json: boolean,
): Promise<void> {
  const print = (object: object) => console.log(JSON.stringify(object));
  const live = {
    onDrop: (count: number) =>
      console.error(`(the context is full: the oldest ${count} messages are dropped)`),
    onText: (piece: string) => process.stdout.write(withoutControls(piece)),
  };
  try {
    const reply = await conversation.reply(text, { ...options, ...(!json && live) });
    if (json) print(reply);
    else console.log();
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    if (json) print({ error: error.message });
    else console.error(error.message);
    if (!process.stdin.isTTY) process.exitCode = 1;
  }
}
