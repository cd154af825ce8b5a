// shadegrad label: preferences for a reward model, chosen by a person in the terminal or by a simulated labeller.

import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { ConfigError } from '../errors.ts';
import { checkSettings } from '../io/config.ts';
import { decodeUtf8 } from '../io/json.ts';
import { openModel } from '../llm/open_model.ts';
import { Device } from '../ops/device.ts';
import type { DrawnAnswer } from '../posttrain/answers.ts';
import { drawCandidates } from '../posttrain/best_of_n.ts';
import {
  bayesCeiling,
  type GoldPair,
  LABELLER_CHECKS,
  LABELLER_DEFAULTS,
  type Label,
  type LabellerSettings,
  labelPairs,
} from '../posttrain/labeller.ts';
import { readPreferences } from '../posttrain/preferences.ts';
import type { Task } from '../posttrain/rewards.ts';
import { storyTasks } from '../posttrain/story_world.ts';
import { readTasks } from '../posttrain/tasks_file.ts';
import { storyScore } from '../text/story_judge.ts';
import { commandLine } from './command_line.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { pressedKeys } from './pressed_keys.ts';
import { withoutControls } from './progress.ts';
import { readDataFile } from './tuning.ts';

interface LabelFlags {
  readonly model: string;
  readonly prompts?: string;
  readonly out: string;
  readonly labeller: string;
  readonly count: string;
  readonly temperature: string;
  readonly flips: string;
  readonly threshold: string;
  readonly seed: string;
  readonly maxNewTokens: string;
  readonly answerTemperature: string;
  readonly end?: string;
  readonly adapter: string;
  readonly json?: boolean;
}

const HELP = `
For each prompt the model writes two answers, and you press a key: a or b for the better one, t where none is, s to skip, q to
leave. Each choice is appended to the file at once; the same command goes on with the next prompt. What a file holds,
shadegrad reward and shadegrad dpo learn from.
--labeller gold chooses by the rule of the built-in stories instead, of which models learn nothing but the labels: with
P(A better) = σ((r_A - r_B) / temperature), flipped with the probability --flips. It says how good a judge of them can be.

Examples:
  shadegrad label --model runs/train-1 --prompts prompts.jsonl --out pairs.jsonl
  shadegrad label --model runs/train-1 --labeller gold --count 4992 --temperature 0.5 --flips 0.1 --out pairs.jsonl`;

export function addLabel(program: Command): void {
  program
    .command('label')
    .description('choose the better of two answers: preferences for a reward model')
    .requiredOption('--model <folder>', 'a run of shadegrad train, or a Hugging Face folder')
    .option('--prompts <file>', 'prompts, one JSON object a line: {"prompt": "…"}')
    .option('--out <file>', 'what is chosen is appended to it', 'pairs.jsonl')
    .option(
      '--labeller <who>',
      'person, or gold: a simulated one, of the built-in stories',
      'person',
    )
    .option('--count <n>', 'of gold: lines that the file is to have', '1000')
    .option('--temperature <t>', 'of gold: how far apart rewards are for a clear choice', '0')
    .option('--flips <p>', 'of gold: share of the labels that are wrong', '0')
    .option('--threshold <d>', 'of gold: smaller differences are ties', '0')
    .option('--seed <n>', 'of the answers, and of the gold labels', '1')
    .option('--max-new-tokens <n>', 'most tokens of an answer', '48')
    .option('--answer-temperature <t>', 'divides the logits of the model', '1')
    .option('--end <text>', "the token that ends an answer (default: the model's own)")
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only; the last line is the result')
    .addHelpText('after', HELP)
    .action(run);
}

/** Two answers to a prompt. */
interface Pair {
  readonly task: Task;
  readonly a: DrawnAnswer<Task>;
  readonly b: DrawnAnswer<Task>;
}

/** Draws the pairs of some tasks, which are numbered from `first`. */
type DrawPairs = (tasks: readonly Task[], first: number) => Promise<Pair[]>;

async function run(flags: LabelFlags): Promise<void> {
  const { labeller: who } = flags;
  if (who !== 'person' && who !== 'gold')
    throw new ConfigError(`--labeller is ${who}, expected person or gold`);
  const settings = labellerOf(flags);
  const tasks = await tasksOf(flags, settings.seed);
  const file = await openLabels(flags.out);
  const device = await Device.open({
    adapter: flags.adapter,
    ...(flags.json && { announce: null }),
  });
  try {
    const draw = await drawerOf(device, flags, settings.seed);
    if (file.lines > 0 && !flags.json)
      console.error(`${flags.out} has ${file.lines} lines; going on`);
    if (who === 'gold') await labelByRule(draw, tasks, file, settings, flags);
    else await labelByPerson(draw, tasks, file, flags);
  } finally {
    device.destroy();
  }
}

function labellerOf({ temperature, flips, threshold, seed }: LabelFlags): LabellerSettings {
  const given = Object.entries({ temperature, flips, threshold, seed });
  const settings = Object.fromEntries(given.map(([name, value]) => [name, numberOf(name, value)]));
  return checkSettings({ ...LABELLER_DEFAULTS, ...settings }, LABELLER_CHECKS);
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new ConfigError(`--${name} is ${text}, expected a number`);
}

async function tasksOf(
  { prompts, labeller, count }: LabelFlags,
  seed: number,
): Promise<readonly Task[]> {
  if (labeller === 'gold') {
    if (prompts !== undefined)
      throw new ConfigError(
        '--labeller gold knows the built-in stories alone; leave --prompts out',
      );
    const n = numberOf('count', count);
    if (Number.isInteger(n) && n >= 1) return storyTasks({ seed, count: n });
    throw new ConfigError(`--count is ${count}, expected a whole number from 1 on`);
  }
  if (prompts === undefined)
    throw new ConfigError('label needs --prompts FILE, or --labeller gold');
  return readTasks(await readDataFile(prompts), basename(prompts));
}

interface Labels {
  /** That the file had before. */
  readonly lines: number;
  append(pairs: readonly Pair[], labels: readonly (Label | null)[]): Promise<void>;
}

/** An answer that ended at once: nothing that a file of preferences could hold. */
const isEmpty = ({ a, b }: Pair) => a.text === '' || b.text === '';

/** A line for each prompt; of one that was skipped without a label. */
async function openLabels(path: string): Promise<Labels> {
  const [folder, name] = [await openFolder(dirname(path)), basename(path)];
  const text = (await folder.exists(name)) ? decodeUtf8(await folder.read(name), path) : '';
  return {
    lines: text.split('\n').filter((line) => line.trim() !== '').length,
    append: (pairs, labels) => {
      const lines = pairs.map(({ task: { prompt }, a, b }, i) => {
        const label = isEmpty(pairs[i]!) ? null : labels[i];
        return `${JSON.stringify({ prompt, a: a.text, b: b.text, label })}\n`;
      });
      return folder.append(name, lines.join(''));
    },
  };
}

async function drawerOf(device: Device, flags: LabelFlags, seed: number): Promise<DrawPairs> {
  const { model, tokenizer, ends } = await openModel(device, await openFolder(flags.model), {
    frozen: true,
  });
  const drawing = {
    n: 2,
    maxNewTokens: numberOf('max-new-tokens', flags.maxNewTokens),
    temperature: numberOf('answer-temperature', flags.answerTemperature),
    ends: flags.end === undefined ? ends : [...tokenizer.encode(flags.end, { specials: 'allow' })],
  };
  return async (tasks, first) => {
    const own = { ...drawing, seed: seed * 2 ** 32 + 2 * first };
    const drawn = await drawCandidates(device, { model, adapter: null }, tokenizer, tasks, own);
    return drawn.map(([a, b], i) => ({ task: tasks[i]!, a: a!, b: b! }));
  };
}

/** Prompts that are answered at once, before a person sees the first of them; and for the rule. */
const SHOWN_AHEAD = 4;
const AT_ONCE = 64;

async function labelByRule(
  draw: DrawPairs,
  tasks: readonly Task[],
  file: Labels,
  labeller: LabellerSettings,
  { model, out, json = false }: LabelFlags,
): Promise<void> {
  const stopped = await interruptible(
    () => console.error('stopping; what was labelled is in the file'),
    async (signal) => {
      for (let at = file.lines; at < tasks.length && !signal.aborted; at += AT_ONCE) {
        const pairs = await draw(tasks.slice(at, at + AT_ONCE), at);
        const gold = pairs.map(({ task, a, b }) => goldOf(task.prompt, a.text, b.text));
        await file.append(pairs, labelPairs(gold, labeller, { first: at }));
        if (json) console.log(JSON.stringify({ step: at + pairs.length, total: tasks.length }));
        else console.error(`${at + pairs.length} of ${tasks.length}`);
      }
      return signal.aborted;
    },
  );
  const { preferences } = readPreferences(await readDataFile(out), basename(out));
  const gold = preferences.map(({ prompt, chosen, rejected }) =>
    goldOf(String(prompt), chosen, rejected),
  );
  const ceiling = bayesCeiling(gold, labeller);
  if (json) console.log(JSON.stringify({ labelled: gold.length, ceiling, stopped, out }));
  else {
    const share = ceiling.toFixed(4);
    const next = commandLine(['reward', '--model', model, '--data', out, '--ceiling', share]);
    console.log(`${gold.length} pairs in ${out}; no judge agrees with more than ${share} of them`);
    console.log(`next: ${next}`);
  }
  if (stopped) process.exitCode = INTERRUPTED;
}

const goldOf = (prompt: string, a: string, b: string): GoldPair => [
  storyScore(prompt + a),
  storyScore(prompt + b),
];

const KEYS: Readonly<Record<string, Label | null>> = { a: 'A', b: 'B', t: 'tie', s: null };
const ASKED = '[a] A is better  [b] B is better  [t] a tie  [s] skip  [q] leave';

async function labelByPerson(
  draw: DrawPairs,
  tasks: readonly Task[],
  file: Labels,
  { out, json = false }: LabelFlags,
): Promise<void> {
  const keys = pressedKeys();
  let labelled = 0;
  let left = false;
  for (let at = file.lines; at < tasks.length && !left; at += SHOWN_AHEAD) {
    for (const [i, pair] of (await draw(tasks.slice(at, at + SHOWN_AHEAD), at)).entries()) {
      const same = pair.a.text === pair.b.text;
      const asks = !same && !isEmpty(pair);
      if (asks) show(pair, `${at + i + 1} of ${tasks.length}`);
      const label = asks ? await choice(keys) : same ? 'tie' : null;
      left = label === undefined;
      if (label === undefined) break;
      await file.append([pair], [label]);
      if (label !== null) labelled++;
    }
  }
  await keys.return(undefined);
  if (json) console.log(JSON.stringify({ labelled, left, out }));
  else console.error(`\n${labelled} chosen, in ${out}`);
}

/** What a person chooses; undefined where they leave. */
async function choice(keys: AsyncGenerator<string>): Promise<Label | null | undefined> {
  for (;;) {
    const { value, done } = await keys.next();
    const key = String(value).toLowerCase();
    if (done || key === 'q') return undefined;
    if (Object.hasOwn(KEYS, key)) return KEYS[key];
    console.error(ASKED);
  }
}

function show({ task, a, b }: Pair, which: string): void {
  const text = (of: string) => withoutControls(of);
  console.error(
    `\n${which}\n${text(task.prompt)}\n\nA ${text(a.text)}\n\nB ${text(b.text)}\n\n${ASKED}`,
  );
}
