// shadegrad grpo: answers to the same prompt compared with each other, against rewards that a program checks.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import {
  GRPO_CHECKS,
  GRPO_DEFAULTS,
  GRPO_METHODS,
  type GrpoSettings,
  grpo,
} from '../posttrain/grpo.ts';
import type { Reward, Task } from '../posttrain/rewards.ts';
import { TASK_FAMILIES, taskFamily } from '../posttrain/tasks/index.ts';
import { familyReward, solved, type VerifiableTask } from '../posttrain/tasks/task_family.ts';
import {
  addDrawingCommand,
  type DrawingFlags,
  type SourceFlags,
  type TaskSource,
} from './drawing_command.ts';
import { ENUMERABLE_FLAGS, enumerableInstead } from './enumerable.ts';

const NAMES = Object.keys(TASK_FAMILIES);

const HELP = `
Of each prompt groupSize answers are drawn, scored, and compared with each other: what is better than the rest of its group
becomes likelier. There is no value function. The presets differ in how answers are compared, and where KL acts.

Tasks:
${NAMES.map((name) => `  ${name.padEnd(18)}${TASK_FAMILIES[name]!.about}`).join('\n')}

A model learns only from tasks that it answers now and then; worked examples give it a start. --out names their file then.
A run that was stopped, or killed after its first checkpoint, continues with --resume, bit for bit.

Examples:
  shadegrad grpo --task arithmetic --examples 4000 --out sums.jsonl        worked examples, in place of a run
  shadegrad finetune --model runs/train-1 --data sums.jsonl --template lines
  shadegrad grpo --model runs/finetune-1 --task arithmetic
  shadegrad grpo --model runs/finetune-1 --task arithmetic --preset dapo --set groupSize=16
  shadegrad grpo --env enumerable --preset rloo --beta 0.5 --json          nine answers, and the best policy is known
  shadegrad grpo --resume                                                  the newest run in runs/`;

export function addGrpo(program: Command): void {
  addDrawingCommand<GrpoSettings>(program, {
    name: 'grpo',
    description: 'optimise a language model for rewards that are checked, by comparing its answers',
    help: HELP,
    defaults: GRPO_DEFAULTS,
    checks: GRPO_CHECKS,
    presets: GRPO_METHODS,
    flags: [
      ['--task <name>', `what is asked: ${NAMES.join(', ')}`],
      ['--end <text>', 'the token that ends an answer (default: the end of the line)'],
      ['--examples <n>', 'write so many worked examples of the task to --out, and no more'],
      ...ENUMERABLE_FLAGS,
    ],
    flagNames: ['task', 'end'],
    source: sourceOf,
    create: grpo,
    instead: async (flags) =>
      (await examplesInstead(flags)) ||
      enumerableInstead(flags, GRPO_DEFAULTS, grpo, { presets: GRPO_METHODS, checks: GRPO_CHECKS }),
  });
}

const COUNTS = { train: 4096, heldOut: 256 };

async function sourceOf({ task, end = '\n' }: SourceFlags): Promise<TaskSource> {
  if (task === undefined) throw new ConfigError(`grpo needs --task, one of ${NAMES.join(', ')}`);
  const family = taskFamily(task);
  const { train, heldOut } = family.draw({ seed: 0, ...COUNTS });
  const rewards = [familyReward(family) as Reward<Task>];
  return { train, heldOut, rewards, judges: rewards, end };
}

/** What a supervised warm start learns from: tasks that are trained on, with their solutions. */
async function examplesInstead({ examples, task, out }: DrawingFlags): Promise<boolean> {
  if (examples === undefined) return false;
  if (typeof task !== 'string' || out === undefined)
    throw new ConfigError('grpo --examples needs --task, and --out for the file');
  const count = Number(examples);
  if (!Number.isSafeInteger(count) || count < 1 || count > COUNTS.train)
    throw new ConfigError(`--examples ${examples}: expected 1 to ${COUNTS.train}`);
  const { train } = taskFamily(task).draw({ seed: 0, ...COUNTS });
  const lines = (train as VerifiableTask[]).slice(0, count).map((each) => solved(each));
  await writeFile(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  console.error(`${count} examples of ${task}: ${out}`);
  return true;
}
