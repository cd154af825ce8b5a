// --env enumerable: a method on the language model whose optimum is known.

import { ConfigError } from '../errors.ts';
import { Device } from '../ops/device.ts';
import { solveEnumerable } from '../posttrain/enumerable.ts';
import type { Task } from '../posttrain/rewards.ts';
import type { DrawingSettings, TextLearner, TextProblem } from '../posttrain/rlhf.ts';
import type { DrawingCommand, DrawingFlags } from './drawing_command.ts';
import { interruptible } from './interrupt.ts';
import { trainingProgress } from './progress.ts';
import { loadSettings, presetNamed } from './settings.ts';

export const ENUMERABLE_FLAGS = [
  [
    '--env <name>',
    'enumerable: a model of 9 answers whose best policy is known, in place of --model',
  ],
] as const;

/** What suits the model of nine answers: its rewards need no whitening, and all answers are one length. */
export const ENUMERABLE_SETTINGS = {
  answers: 512,
  maxNewTokens: 2,
  epochs: 1,
  minibatches: 4,
  learningRate: 1e-2,
  schedule: 'linear',
} as const;

const ITERATIONS = 40;

/** Runs the method there, where the flags say so. */
export async function enumerableInstead<S extends DrawingSettings>(
  flags: DrawingFlags,
  defaults: S,
  create: (device: Device, problem: TextProblem<Task>, settings: S) => TextLearner<Task>,
  { presets, checks }: Pick<DrawingCommand<S>, 'presets' | 'checks'>,
): Promise<boolean> {
  const { env, json = false } = flags;
  if (env === undefined) return false;
  if (env !== 'enumerable') throw new ConfigError(`unknown --env "${env}"; there is enumerable`);
  const set = [...(flags.set ?? [])];
  if (flags.beta !== undefined) set.push(`beta=${flags.beta}`);
  if (flags.seed !== undefined) set.push(`seed=${flags.seed}`);
  const named = flags.preset === undefined ? {} : presetNamed(presets, flags.preset);
  const preset = { ...named, ...ENUMERABLE_SETTINGS };
  const settings = await loadSettings(defaults, { preset, set, checks });
  if (settings.beta === 0)
    throw new ConfigError('--env enumerable has no best policy at beta 0; give --beta above 0');
  const iterations = flags.steps === undefined ? ITERATIONS : Number(flags.steps);
  if (!Number.isSafeInteger(iterations) || iterations < 1)
    throw new ConfigError(`--steps ${flags.steps}: expected a whole number from 1 on`);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  const progress = trainingProgress({ total: iterations, json });
  try {
    const result = await interruptible(
      () => progress.note('stopping'),
      (signal) =>
        solveEnumerable(device, (problem) => create(device, problem, settings), settings, {
          ...{ iterations, signal },
          onProgress: (step, { score, kl }) => progress.update(step, { return: score!, kl: kl! }),
        }),
    ).finally(() => progress.finish());
    const { J, JStar, kl, probabilities, optimal } = result;
    if (json)
      console.log(JSON.stringify({ ...result, beta: settings.beta, adapter: device.adapter.name }));
    else {
      console.log(
        `J        ${J.toFixed(6)}, the best possible ${JStar.toFixed(6)}: ${((100 * J) / JStar).toFixed(2)} %`,
      );
      console.log(`KL       ${kl.toFixed(6)} from the uniform reference`);
      console.log('answer   policy   best');
      for (const [i, p] of probabilities.entries())
        console.log(
          `${Math.floor(i / 3)} ${i % 3}      ${p.toFixed(4)}   ${optimal[i]!.toFixed(4)}`,
        );
    }
    return true;
  } finally {
    device.destroy();
  }
}
