// shadegrad rlhf: PPO on a language model, against a reward and the KL from where it began.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { ConfigError, DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import type { PolicyBase } from '../posttrain/policy_base.ts';
import { rewardModelReward } from '../posttrain/reward_adapters.ts';
import { openRewardModel } from '../posttrain/reward_file.ts';
import type { Reward } from '../posttrain/rewards.ts';
import {
  RLHF_CHECKS,
  RLHF_DEFAULTS,
  RLHF_PRESETS,
  type RlhfSettings,
  rlhf,
} from '../posttrain/rlhf.ts';
import { goldReward, STORY_END, storyTasks } from '../posttrain/story_world.ts';
import { readTasks } from '../posttrain/tasks_file.ts';
import { decodeText } from '../text/corpus.ts';
import { addDrawingCommand, type SourceFlags, type TaskSource } from './drawing_command.ts';
import { ENUMERABLE_FLAGS, enumerableInstead } from './enumerable.ts';

const HELP = `
Answers are drawn, scored at their ends, and learned from by PPO, while each token pays for its distance from the model as
it was: r = score - beta KL. Policy, reference and reward model are adapters on one frozen base.
A run that was stopped, or killed after its first checkpoint, continues with --resume, bit for bit.

Examples:
  shadegrad rlhf --model runs/train-1 --task stories --reward gold         the built-in stories, a reward by rule
  shadegrad rlhf --model runs/train-1 --task stories --reward runs/reward-2 --set beta=0.1
  shadegrad rlhf --model SmolLM-135M --prompts prompts.jsonl --reward runs/reward-3 --preset openai
  shadegrad rlhf --env enumerable --beta 0.5 --json                        nine answers, and the best policy is known
  shadegrad rlhf --resume                                                  the newest run in runs/`;

export function addRlhf(program: Command): void {
  addDrawingCommand<RlhfSettings>(program, {
    name: 'rlhf',
    description: 'optimise a language model for a reward by PPO, held to where it began',
    help: HELP,
    defaults: RLHF_DEFAULTS,
    checks: RLHF_CHECKS,
    presets: RLHF_PRESETS,
    flags: [
      ['--task <name>', 'stories: beginnings of the built-in stories, to be gone on with'],
      ['--prompts <file>', 'prompts, one JSON object a line, in place of a task'],
      ['--reward <name>', 'gold (of stories, by rule), or a run of shadegrad reward'],
      ['--end <text>', 'the token that ends an answer (default: <|endoftext|>)'],
      ...ENUMERABLE_FLAGS,
    ],
    flagNames: ['task', 'prompts', 'reward', 'end'],
    source: sourceOf,
    create: rlhf,
    instead: (flags) =>
      enumerableInstead(flags, RLHF_DEFAULTS, rlhf, {
        ...{ presets: RLHF_PRESETS, checks: RLHF_CHECKS },
      }),
  });
}

const TRAIN_TASKS = 4096;
const HELD_OUT_TASKS = 256;
/** Of prompts from a file, the last ones are held out. */
const HELD_OUT_SHARE = 0.1;

async function sourceOf(
  flags: SourceFlags,
  { device, base }: { readonly device: Device; readonly base: PolicyBase },
): Promise<TaskSource> {
  const { task, prompts, reward = 'gold', end = STORY_END } = flags;
  if ((task === undefined) === (prompts === undefined))
    throw new ConfigError('rlhf needs --task stories or --prompts FILE, one of the two');
  const rewards = [reward === 'gold' ? goldReward : await learnedReward(reward, device, base)];
  if (prompts !== undefined) {
    const tasks = readTasks(await textOf(prompts), basename(prompts));
    const count = Math.ceil(HELD_OUT_SHARE * tasks.length);
    const [train, heldOut] = [tasks.slice(0, -count), tasks.slice(-count)];
    return { train, heldOut, rewards, judges: rewards, end };
  }
  if (task !== 'stories') throw new ConfigError(`unknown --task "${task}"; there is stories`);
  const train = storyTasks({ seed: 0, count: TRAIN_TASKS });
  const heldOut = storyTasks({ seed: 0, set: 1, count: HELD_OUT_TASKS });
  const judges = reward === 'gold' ? rewards : [...rewards, goldReward];
  return { train, heldOut, rewards, judges, end };
}

/** Of a run of shadegrad reward: beside the policy, on the same base where it was trained on that. */
async function learnedReward(path: string, device: Device, { model }: PolicyBase): Promise<Reward> {
  const rewardModel = await openRewardModel(device, await openFolder(path), model, openFolder);
  return rewardModelReward(device, rewardModel, { name: 'learned' });
}

async function textOf(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new DataError(`cannot read the prompts in ${file}: ${reason}`, { cause });
  });
  return decodeText(bytes, file);
}
