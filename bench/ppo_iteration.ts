// One iteration of PPO on CartPole, and its parts: a rollout, advantages, four epochs of four minibatches. Candidates take
// turns, round by round: environments as kernels, in TypeScript, and PyTorch with NumPy on the machine's CPU.

import type { Device } from '../src/ops/device.ts';
import type { Copies } from '../src/rl/copies.ts';
import {
  KernelEnvironment,
  MlpActorCritic,
  makeEnvironment,
  PPO_DEFAULTS,
  ppo,
  VectorEnvironment,
} from '../src/rl/index.ts';
import { actorOf } from '../src/rl/kernel_collector.ts';
import { scope } from '../src/tensor/scope.ts';
import { noGrad } from '../src/tensor/tape.ts';
import { hostSteps, kernelSteps } from './environments.ts';
import {
  type Candidate,
  type Clock,
  measureInterleaved,
  medianRatio,
  processorClock,
  wallClock,
} from './measure.ts';
import script from './ppo.py' with { type: 'text' };
import { converse, findPyTorch } from './python.ts';

const ID = 'CartPole-v1';
const SEED = 1;

export interface PpoBenchOptions {
  /** N. */
  readonly copies: number;
  /** T. */
  readonly steps: number;
  readonly rounds: number;
  /** Default false. */
  readonly pytorch?: boolean;
  /** Processor time of all threads instead of the wall clock's; PyTorch then has one thread. Default false. */
  readonly processorTime?: boolean;
}

/** What is timed, each over T steps of N copies. */
export type PpoPart =
  | 'iteration, kernels'
  | 'iteration, TypeScript'
  | 'environments, kernels'
  | 'environments, TypeScript'
  | 'policy'
  | 'iteration, PyTorch';

export interface PpoBenchResult {
  readonly copies: number;
  readonly steps: number;
  readonly rounds: number;
  readonly clock: Clock['source'];
  /** Medians. */
  readonly milliseconds: Readonly<Partial<Record<PpoPart, number>>>;
  /** Environment steps per second of an iteration, all copies together. */
  readonly stepsPerSecond: Readonly<Partial<Record<PpoPart, number>>>;
  /** How many times as fast the kernels are, in the median round. */
  readonly speedup: {
    readonly environments: number;
    readonly iteration: number;
    readonly overPyTorch: number | null;
  };
  /** Its version; null where there is none. */
  readonly pytorch: string | null;
}

/** @throws where PyTorch is wanted and there is none */
export async function benchPpo(device: Device, options: PpoBenchOptions): Promise<PpoBenchResult> {
  const { copies, steps, rounds, pytorch = false, processorTime = false } = options;
  const settings = { ...PPO_DEFAULTS, copies, rolloutSteps: steps, seed: SEED };
  const kernel = () =>
    KernelEnvironment.open(device, ID, { count: copies, seed: SEED, rows: steps });
  const host = () => new VectorEnvironment(() => makeEnvironment(ID), copies);
  const learners = [await kernel(), host()].map((environments: Copies) =>
    ppo(device, new MlpActorCritic(device, environments, settings), environments, settings),
  );
  const size = { environment: ID, copies, steps };
  const [kernels, inTypeScript] = [await kernelSteps(device, size), hostSteps(device, size)];
  const model = new MlpActorCritic(device, kernels.environments, { seed: SEED });
  const acting = captureActing(device, kernels.environments, model);
  const python = pytorch ? findPyTorch() : null;
  const session = python && converse(python.command, script);
  await session?.ask({ start: settings, threads: processorTime ? 1 : null });
  const elsewhere = { microseconds: 0 };
  const clock = processorTime ? processorClock(elsewhere) : wallClock;
  const candidates: (Candidate & { readonly name: PpoPart })[] = [
    { name: 'iteration, kernels', run: async () => void (await learners[0]!.iterate(0, 1)) },
    { name: 'iteration, TypeScript', run: async () => void (await learners[1]!.iterate(0, 1)) },
    { name: 'environments, kernels', run: kernels.run },
    { name: 'environments, TypeScript', run: inTypeScript.run },
    { name: 'policy', run: acting },
  ];
  if (session)
    candidates.push({
      name: 'iteration, PyTorch',
      async run() {
        const { processorSeconds } = await session.ask({ iterate: true });
        elsewhere.microseconds += 1e6 * (processorSeconds as number);
      },
    });
  try {
    const measured = await measureInterleaved(device, candidates, {
      ...{ rounds, clock, minMilliseconds: 1 },
    });
    const found = new Map(measured.map((each, i) => [candidates[i]!.name, each]));
    const ratio = (slow: PpoPart, fast: PpoPart) =>
      medianRatio(found.get(slow)!.samples, found.get(fast)!.samples);
    const of = (f: (microseconds: number) => number, names: readonly PpoPart[]) =>
      Object.fromEntries(names.map((name) => [name, f(found.get(name)!.microseconds)]));
    const names = candidates.map(({ name }) => name);
    return {
      ...{ copies, steps, rounds, clock: clock.source },
      milliseconds: of((time) => time / 1e3, names),
      stepsPerSecond: of(
        (time) => (1e6 * steps * copies) / time,
        names.filter((name) => name.startsWith('iteration')),
      ),
      speedup: {
        environments: ratio('environments, TypeScript', 'environments, kernels'),
        iteration: ratio('iteration, TypeScript', 'iteration, kernels'),
        overPyTorch: session ? ratio('iteration, PyTorch', 'iteration, kernels') : null,
      },
      pytorch: python?.version ?? null,
    };
  } finally {
    session?.close();
    for (const x of [acting, model, kernels, inTypeScript]) x.dispose();
    for (const learner of learners) {
      learner.dispose();
      learner.model.dispose();
    }
  }
}

/** T draws of the policy by itself. */
function captureActing(
  device: Device,
  { rows, observations }: KernelEnvironment,
  model: MlpActorCritic,
) {
  const act = actorOf(model);
  return device.capture(() =>
    noGrad(() => {
      for (let t = 0; t < rows; t++) scope(() => void act(observations));
    }),
  );
}
