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
  RandomSequence,
  VectorEnvironment,
} from '../src/rl/index.ts';
import { actorOf } from '../src/rl/kernel_collector.ts';
import { scope } from '../src/tensor/scope.ts';
import { noGrad } from '../src/tensor/tape.ts';
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
  const parts = new Parts(device, await kernel(), host());
  const python = pytorch ? findPyTorch() : null;
  const session = python && converse(python.command, script);
  await session?.ask({ start: settings, threads: processorTime ? 1 : null });
  const elsewhere = { microseconds: 0 };
  const clock = processorTime ? processorClock(elsewhere) : wallClock;
  const candidates: (Candidate & { readonly name: PpoPart })[] = [
    { name: 'iteration, kernels', run: async () => void (await learners[0]!.iterate(0, 1)) },
    { name: 'iteration, TypeScript', run: async () => void (await learners[1]!.iterate(0, 1)) },
    { name: 'environments, kernels', run: () => parts.stepKernels() },
    { name: 'environments, TypeScript', run: () => parts.stepTypeScript() },
    { name: 'policy', run: () => parts.act() },
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
    parts.dispose();
    for (const learner of learners) {
      learner.dispose();
      learner.model.dispose();
    }
  }
}

/** The parts of a rollout on their own: T steps of the environments under random actions, T draws of the policy. */
class Parts {
  readonly stepKernels: () => void;
  readonly act: () => void;
  readonly stepTypeScript: () => void;
  readonly dispose: () => void;

  constructor(device: Device, kernel: KernelEnvironment, host: VectorEnvironment) {
    const { count, rows: steps, observations } = kernel;
    const random = new RandomSequence({ seed: SEED });
    const drawn = Int32Array.from({ length: count }, () => random.integer(2));
    const actions = Object.assign(device.tensor(drawn), { kept: true });
    const model = new MlpActorCritic(device, kernel, { seed: SEED });
    host.reset(SEED);
    const captured = (step: (t: number) => void) =>
      device.capture(() =>
        noGrad(() => {
          for (let t = 0; t < steps; t++) scope(() => step(t));
        }),
      );
    const act = actorOf(device, model, count);
    const [stepped, acted] = [
      captured((t) => kernel.step(actions, t)),
      captured(() => void act(observations)),
    ];
    this.stepKernels = stepped;
    this.act = acted;
    this.stepTypeScript = () => {
      for (let t = 0; t < steps; t++) host.step(drawn);
    };
    this.dispose = () => {
      stepped.dispose();
      acted.dispose();
      for (const x of [kernel, model, actions]) x.dispose();
    };
  }
}
