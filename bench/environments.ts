// Steps of environments alone, as kernels and in TypeScript. Both leave on the device what a rollout learns from: what was
// acted on and what that led to, row by row, and what to act on next.

import type { Device } from '../src/ops/device.ts';
import type { Copies } from '../src/rl/copies.ts';
import {
  KernelEnvironment,
  makeEnvironment,
  RandomSequence,
  VectorEnvironment,
} from '../src/rl/index.ts';
import { actionsOf, encode } from '../src/rl/rollout.ts';
import { scope } from '../src/tensor/scope.ts';
import { noGrad } from '../src/tensor/tape.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import {
  type Clock,
  measureInterleaved,
  medianRatio,
  processorClock,
  wallClock,
} from './measure.ts';

const SEED = 1;

export interface StepsOptions {
  /** One that is a kernel, too. */
  readonly environment: string;
  /** N. */
  readonly copies: number;
  /** T. */
  readonly steps: number;
}

/** What is on the device after T steps: [T, N, O] twice, and [N, O]. */
interface Left {
  readonly observations: Tensor;
  readonly following: Tensor;
  readonly now: Tensor;
}

/** T steps of N copies, all under the same actions, which are drawn once. */
interface Steps {
  run(): void;
  readonly left: Left;
  dispose(): void;
}

/** The first T steps are taken as they are captured. */
export async function kernelSteps(
  device: Device,
  { environment, copies: count, steps: rows }: StepsOptions,
): Promise<Steps & { readonly environments: KernelEnvironment }> {
  const environments = await KernelEnvironment.open(device, environment, {
    ...{ count, seed: SEED, rows },
  });
  const actions = keep(device.tensor(drawActions(environments)));
  const run = device.capture(() =>
    noGrad(() => {
      for (let t = 0; t < rows; t++) scope(() => environments.step(actions, t));
    }),
  );
  const { steps, observations: now } = environments;
  const left = { observations: steps.observations, following: steps.following, now };
  const dispose = () => {
    for (const x of [run, environments, actions]) x.dispose();
  };
  return { environments, run, left, dispose };
}

export function hostSteps(device: Device, { environment, copies, steps }: StepsOptions): Steps {
  const environments = new VectorEnvironment(() => makeEnvironment(environment), copies);
  const { observationSpace: space, actionSpace } = environments;
  const actions = actionsOf(actionSpace, drawActions(environments));
  let seen = encode(space, environments.reset(SEED).observations);
  const O = seen.length / copies;
  const [observations, following] = [1, 2].map(() => new Float32Array(steps * seen.length));
  const zeros = (...shape: number[]) => keep(device.zeros(shape));
  const left = {
    observations: zeros(steps, copies, O),
    following: zeros(steps, copies, O),
    now: zeros(copies, O),
  };
  const run = () => {
    for (let t = 0; t < steps; t++) {
      observations!.set(seen, t * seen.length);
      const step = environments.step(actions);
      following!.set(encode(space, step.finalObservations), t * seen.length);
      seen = encode(space, step.observations);
      left.now.write(seen);
    }
    left.observations.write(observations!);
    left.following.write(following!);
  };
  const dispose = () => {
    for (const x of Object.values(left)) x.dispose();
  };
  return { run, left, dispose };
}

function drawActions({ actionSpace, count }: Copies): Int32Array | Float32Array {
  const random = new RandomSequence({ seed: SEED });
  if (actionSpace.kind === 'discrete')
    return Int32Array.from({ length: count }, () => random.integer(actionSpace.n));
  const length = count * actionSpace.low.length;
  return Float32Array.from({ length }, () => random.uniform(-1, 1));
}

const keep = (x: Tensor): Tensor => Object.assign(x, { kept: true });

export interface EnvironmentBenchOptions extends StepsOptions {
  readonly rounds: number;
  /** Processor time of all threads instead of the wall clock's. Default false. */
  readonly processorTime?: boolean;
}

export interface EnvironmentBenchResult {
  readonly environment: string;
  readonly copies: number;
  readonly steps: number;
  readonly rounds: number;
  readonly clock: Clock['source'];
  /** Medians of all copies' steps together. */
  readonly stepsPerSecond: { readonly kernel: number; readonly typeScript: number };
  /** How many times as fast the kernel is, in the median round. */
  readonly speedup: number;
}

export async function benchEnvironment(
  device: Device,
  { environment, rounds, processorTime = false, ...size }: EnvironmentBenchOptions,
): Promise<EnvironmentBenchResult> {
  const clock = processorTime ? processorClock() : wallClock;
  const options = { ...size, environment };
  const [inTypeScript, asKernel] = [hostSteps(device, options), await kernelSteps(device, options)];
  try {
    const candidates = [
      { name: 'TypeScript', run: inTypeScript.run },
      { name: 'kernel', run: asKernel.run },
    ];
    const [host, kernel] = await measureInterleaved(device, candidates, {
      ...{ rounds, clock, minMilliseconds: 1 },
    });
    const perSecond = (microseconds: number) => (1e6 * size.steps * size.copies) / microseconds;
    return {
      ...{ environment, ...size, rounds, clock: clock.source },
      stepsPerSecond: {
        kernel: perSecond(kernel!.microseconds),
        typeScript: perSecond(host!.microseconds),
      },
      speedup: medianRatio(host!.samples, kernel!.samples),
    };
  } finally {
    inTypeScript.dispose();
    asKernel.dispose();
  }
}
