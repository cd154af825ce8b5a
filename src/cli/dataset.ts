// shadegrad dataset: conversations for the goals of fine-tuning, whose truth is known; checks of files and of models.

import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { openFolder } from '#folder';
import { ConfigError, DataError } from '../errors.ts';
import { scoreReplies } from '../llm/goal_score.ts';
import { openModel } from '../llm/open_model.ts';
import { readMessages } from '../llm/supervised.ts';
import { chooseTemplate } from '../llm/template_choice.ts';
import { Device } from '../ops/device.ts';
import { CHAT_TEMPLATES, chatSegments } from '../text/chat_template.ts';
import { decodeText } from '../text/corpus.ts';
import {
  conversationLines,
  drawConversations,
  faultsOf,
  GOALS,
  type GoalName,
} from '../text/goals/index.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { withoutControls } from './progress.ts';

interface DatasetFlags {
  readonly out?: string;
  readonly count: string;
  readonly seed: string;
  readonly template?: string;
  readonly text?: boolean;
  readonly check?: string;
  readonly score?: string;
  readonly adapter: string;
  readonly json?: boolean;
}

const NAMES = Object.keys(GOALS) as GoalName[];

const HELP = `
Goals:
${NAMES.map((name) => `  ${name.padEnd(11)}${GOALS[name].about}`).join('\n')}
  all        of each in turns

Examples:
  shadegrad dataset refusals --count 2000 --out refusals.jsonl
  shadegrad finetune --model runs/train-1 --data refusals.jsonl --template dialogue
  shadegrad dataset refusals --seed 1 --count 50 --score runs/finetune-2     of 50 others, how many replies are right?
  shadegrad dataset tools --check mine.jsonl                                 which replies in a file are wrong, and why
  shadegrad dataset all --count 5000 --text --template dialogue --out all.txt   text to pre-train on`;

export function addDataset(program: Command): void {
  program
    .command('dataset')
    .description(
      'make conversations to fine-tune on whose truth is known; check a file, or a model',
    )
    .addOption(
      new Option(
        '--adapter <name>',
        "auto, hardware, software, or a part of an adapter's name",
      ).default('auto'),
    )
    .argument('<goal>', `${NAMES.join(', ')}, or all`)
    .option('--out <file>', 'where to write them, one JSON object a line (default: stdout)')
    .option('--count <n>', 'conversations', '1000')
    .option('--seed <n>', 'of the draws', '0')
    .option('--text', 'as text, through --template, in place of JSON')
    .option('--template <name>', `of --text and --score: ${CHAT_TEMPLATES.join(', ')}`)
    .option('--check <file>', 'tell which replies in a file are wrong')
    .option('--score <folder>', "tell how many of a model's replies are right")
    .option('--json', 'print the result of --check or --score as JSON')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(goal: string, flags: DatasetFlags): Promise<void> {
  const goals = goalsNamed(goal);
  if (flags.check !== undefined) return check(goals, flags.check, flags);
  const draw = { count: whole('count', flags.count, 1), seed: whole('seed', flags.seed, 0) };
  const conversations = drawConversations(goals, draw);
  if (flags.score !== undefined) return score(goals, conversations, flags.score, flags);
  const { template = 'lines', text } = flags;
  const written = text
    ? conversations
        .flatMap((messages) => chatSegments(messages, template))
        .map((segment) => segment.text)
        .join('')
    : conversationLines(conversations);
  if (flags.out === undefined) process.stdout.write(written);
  else {
    await writeFile(flags.out, written);
    console.error(`${draw.count} conversations: ${flags.out}`);
  }
}

function goalsNamed(name: string): GoalName[] {
  if (name === 'all') return NAMES;
  const found = NAMES.filter((each) => each === name);
  if (found.length === 0)
    throw new ConfigError(`no goal ${JSON.stringify(name)}; there are ${NAMES.join(', ')}, all`);
  return found;
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ConfigError(
    `--${flag} is ${JSON.stringify(text)}, expected a whole number from ${least} on`,
  );
}

async function check(
  goals: readonly GoalName[],
  file: string,
  { json }: DatasetFlags,
): Promise<void> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(`cannot read ${file}: ${cause.message}`, { cause });
  });
  const lines = readMessages(decodeText(bytes, file), basename(file));
  const faults = lines.flatMap(({ place, messages }) =>
    faultsOf(goals, messages).map((fault) => ({ place, fault })),
  );
  if (json) console.log(JSON.stringify({ conversations: lines.length, faults }));
  else {
    for (const { place, fault } of faults) console.log(withoutControls(`${place}: ${fault}`));
    console.log(`${lines.length} conversations, ${faults.length} faults`);
  }
  if (faults.length > 0) process.exitCode = 1;
}

async function score(
  goals: readonly GoalName[],
  conversations: ReturnType<typeof drawConversations>,
  model: string,
  { json = false, adapter, template: asked }: DatasetFlags,
): Promise<void> {
  const device = await Device.open({ adapter, announce: null });
  try {
    const folder = await openFolder(model);
    const opened = await openModel(device, folder, { frozen: true });
    const template = asked ?? (await chooseTemplate(opened.tokenizer, [folder])).template;
    const onReply = ({ reply, fault }: { reply: string; fault: string | null }) => {
      if (!json)
        console.log(
          withoutControls(
            `${fault === null ? 'right' : 'wrong'}  ${reply}${fault ? `   (${fault})` : ''}`,
          ),
        );
    };
    await interruptible(
      () => {},
      async (signal) => {
        const options = { goals, template, onReply, signal };
        const scored = await scoreReplies(device, opened, conversations, options);
        const right = scored.filter(({ fault }) => fault === null).length;
        if (json) console.log(JSON.stringify({ right, replies: scored.length, template, scored }));
        else console.log(`${right} of ${scored.length} replies are right (template ${template})`);
        if (signal.aborted) process.exitCode = INTERRUPTED;
      },
    );
  } finally {
    device.destroy();
  }
}
