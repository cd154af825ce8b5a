// shadegrad judge: whose answers are better, of two models on the same prompts with the same seeds.

import { basename } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { CheckpointError, ConfigError, DataError } from '../errors.ts';
import { positiveInteger } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, parseJson } from '../io/json.ts';
import type { MeanInterval } from '../io/mean_interval.ts';
import { APPLIED, applyAdapter, openModel } from '../llm/open_model.ts';
import { PEFT_CONFIG } from '../llm/peft.ts';
import { Device } from '../ops/device.ts';
import { type Contestant, judge, type Verdict } from '../posttrain/judge.ts';
import { rewardModelReward } from '../posttrain/reward_adapters.ts';
import { loadRewardModel, readRewardDescription } from '../posttrain/reward_file.ts';
import type { Reward, Task } from '../posttrain/rewards.ts';
import {
  goldReward,
  STORY_ANSWER_TOKENS,
  STORY_END,
  storyTasks,
} from '../posttrain/story_world.ts';
import { readTasks } from '../posttrain/tasks_file.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { endToken } from './drawing_command.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { withoutControls } from './progress.ts';
import { readDataFile } from './tuning.ts';

interface JudgeFlags {
  readonly prompts?: string;
  readonly task?: string;
  readonly judge: string;
  readonly n: string;
  readonly answers: string;
  readonly maxNewTokens: string;
  readonly temperature: string;
  readonly end: string;
  readonly seed: string;
  readonly adapter: string;
  readonly json?: boolean;
}

const HELP = `
Both models answer each prompt with the same seed; the better score wins, and a tie is half a win. The interval is Wilson's
of 95 %, over prompts. A model against itself has exactly 0.5.

Examples:
  shadegrad judge runs/rlhf-1 runs/train-1 --task stories                   beginnings of the built-in stories, a judge by rule
  shadegrad judge runs/dpo-1 runs/rlhf-1 --task stories --n 500 --json
  shadegrad judge runs/dpo-1 runs/train-1 --prompts prompts.jsonl --judge runs/reward-1`;

export function addJudge(program: Command): void {
  program
    .command('judge')
    .description('the win rate of one model over another, with its interval')
    .argument('<a>', 'a run of train, finetune, dpo, rlhf or grpo, or a Hugging Face folder')
    .argument('<b>', 'what it is compared with')
    .option('--task <name>', 'stories: beginnings of the built-in stories, to be gone on with')
    .option('--prompts <file>', 'prompts, one JSON object a line, in place of a task')
    .option('--judge <name>', 'gold (of stories, by rule), or a run of shadegrad reward', 'gold')
    .option('--n <n>', 'most prompts', '200')
    .option('--answers <n>', 'answers of each model to each prompt', '1')
    .option('--max-new-tokens <n>', 'most tokens of an answer', String(STORY_ANSWER_TOKENS))
    .option('--temperature <t>', 'divides the logits; 0 is greedy', '1')
    .option('--end <text>', 'the token that ends an answer', STORY_END)
    .option('--seed <n>', 'of the first answer', '0')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only; the last line is the result')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(a: string, b: string, flags: JudgeFlags): Promise<void> {
  const tasks = (await tasksOf(flags)).slice(0, numberOf(flags, 'n'));
  const drawing = {
    answers: numberOf(flags, 'answers'),
    maxNewTokens: numberOf(flags, 'maxNewTokens'),
    temperature: Number(flags.temperature),
    seed: Number(flags.seed),
  };
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const [first, second] = [
      await openContestant(device, a, flags.end),
      await openContestant(device, b, flags.end),
    ];
    const reward = await rewardOf(device, flags.judge, [first, second]);
    await interruptible(
      () => console.error('stopping'),
      async (signal) => {
        const options = { ...drawing, tasks, judge: reward, signal };
        const found = await judge(device, first, second, options);
        if (flags.json)
          console.log(JSON.stringify({ a, b, ...found, adapter: device.adapter.name }));
        else print(found, { a, b, judge: flags.judge });
      },
    ).catch((error) => {
      if ((error as Error).name !== 'AbortError') throw error;
      process.exitCode = INTERRUPTED;
    });
  } finally {
    device.destroy();
  }
}

/**
 * The model of a run, or its adapter over the base that it names.
 * @throws CheckpointError, DataError or ConfigError that says what is amiss, and where
 */
async function openContestant(
  device: Device,
  path: string,
  end: string,
): Promise<Contestant & { readonly path: string; readonly tokenizer: Tokenizer }> {
  const folder = await openFolder(path);
  if (await folder.exists('unfinished'))
    throw new CheckpointError(`${path} is not done; continue it with --resume first`);
  const adapts = !(await folder.exists('checkpoints')) && (await folder.exists(PEFT_CONFIG));
  const base = adapts ? await openFolder(await baseOf(folder)) : folder;
  const opened = await openModel(device, base, { frozen: true });
  if (adapts) await applyAdapter(device, opened, folder);
  const { model, tokenizer } = opened;
  const speaker = { model, adapter: adapts ? APPLIED : null };
  return { path, tokenizer, speaker, codec: tokenizer, ends: [endToken(tokenizer, end)] };
}

async function baseOf(folder: Folder): Promise<string> {
  const what = `${folder.location}/${PEFT_CONFIG}`;
  const config = parseJson(decodeUtf8(await folder.read(PEFT_CONFIG), what), { what });
  const base = config instanceof Map ? config.get('base_model_name_or_path') : null;
  if (typeof base === 'string' && base !== '') return base;
  throw new DataError(`${what} does not say what it is an adapter of: base_model_name_or_path`);
}

function numberOf(flags: JudgeFlags, name: 'n' | 'answers' | 'maxNewTokens'): number {
  const value = Number(flags[name]);
  if (positiveInteger.accepts(value)) return value;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new ConfigError(`--${flag} is ${flags[name]}; expected ${positiveInteger.expected}`);
}

async function tasksOf({ task, prompts, n, seed }: JudgeFlags): Promise<Task[]> {
  if ((task === undefined) === (prompts === undefined))
    throw new ConfigError('judge needs --task stories or --prompts FILE, one of the two');
  if (prompts !== undefined) return readTasks(await readDataFile(prompts), basename(prompts));
  if (task !== 'stories') throw new ConfigError(`unknown --task "${task}"; there is stories`);
  return storyTasks({ seed: Number(seed), set: 1, count: Number(n) });
}

/**
 * The gold reward, or a reward model over the base that it names; it reads the answers in the tokens they were drawn in.
 * @throws CheckpointError or DataError that says what is amiss, ConfigError for a model of other tokens
 */
async function rewardOf(
  device: Device,
  name: string,
  models: readonly { readonly path: string; readonly tokenizer: Tokenizer }[],
): Promise<Reward> {
  if (name === 'gold') return goldReward;
  const folder = await openFolder(name);
  const found = await readRewardDescription(folder);
  if (!found)
    throw new ConfigError(`unknown --judge "${name}"; there is gold, or a run of shadegrad reward`);
  const frozen = found.settings.method === 'lora';
  const base = await openModel(device, await openFolder(found.base), { frozen });
  const tokens = JSON.stringify(base.tokenizer);
  const other = models.find(({ tokenizer }) => JSON.stringify(tokenizer) !== tokens);
  if (other)
    throw new ConfigError(
      `${other.path} has other tokens than the base of the judge, ${found.base}; train a reward model on its own base`,
    );
  const rewardModel = await loadRewardModel(device, folder, base.model);
  return rewardModelReward(device, rewardModel, { name: basename(name), batch: 128 });
}

function print(
  { winRate, wins, ties, losses, means, samples }: Verdict,
  { a, b, judge }: { a: string; b: string; judge: string },
): void {
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  const interval = ({ mean, margin }: MeanInterval) => `${mean.toFixed(3)} ± ${margin.toFixed(3)}`;
  const shown = (text: string) => withoutControls(text);
  for (const { prompt, ...answers } of samples) {
    console.log(shown(prompt));
    for (const [name, { text, score }] of Object.entries(answers))
      console.log(`  ${name} ${score.toFixed(2).padStart(6)}  ${shown(text)}`);
  }
  console.log(`\na  ${a}: ${judge} ${interval(means.a)}`);
  console.log(`b  ${b}: ${judge} ${interval(means.b)}`);
  console.log(
    `a wins ${percent(winRate.rate)} (${percent(winRate.low)} to ${percent(winRate.high)}): ${wins} wins, ${ties} ties, ${losses} losses`,
  );
}
