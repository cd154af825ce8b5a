// N copies of an environment as a kernel, a thread each: states, observations and rewards never leave the device.
//
// What VectorEnvironment is on the host: the same random numbers (copy i takes stream i of the seed), and the same way
// to begin again, within the step that ends an episode. Numbers are f32, so that states drift apart from the host's f64.

import { ConfigError } from '../errors.ts';
import type { Constants } from '../gpu/wgsl.ts';
import type { Json } from '../io/json.ts';
import type { Kernel } from '../ops/custom.ts';
import type { Device } from '../ops/device.ts';
import type { DType } from '../tensor/dtype.ts';
import { keyOf } from '../tensor/philox.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ENVIRONMENT_KERNELS, type EnvironmentKernel, environmentFile } from './env/kernels.ts';
import type { Space } from './environment.ts';
import { featuresOf } from './networks.ts';
import { environmentEntry } from './registry.ts';

const THREADS = 64; // of a workgroup
const NO_LIMIT = 0xffffffff;
const ACCOUNT_WORDS = 3; // struct Account
const OUTCOMES = 5; // of a step

/** T steps of N copies. */
export interface KernelSteps {
  /** [T, N, O] f32: what was acted on, and what that led to; after the end of an episode, not what begins then. */
  readonly observations: Tensor;
  readonly following: Tensor;
  /** [T, N], i32 where discrete, else f32. */
  readonly actions: Tensor;
  /** [5, T, N] f32: rewards, terminated, truncated, and return and length of an episode that ended in that step, else 0. */
  readonly outcomes: Tensor;
}

export interface KernelEnvironmentOptions {
  /** N, the number of copies. */
  readonly count: number;
  readonly seed: number;
  /** T, the number of steps that are kept. Default 1. */
  readonly rows?: number;
}

export class KernelEnvironment {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly count: number;
  readonly rows: number;
  /** [N, S], f32 or u32. */
  readonly states: Tensor;
  /** [N, 3] u32: random words drawn; of the episode under way its steps, and the bits of its f32 return. */
  readonly accounts: Tensor;
  /** [N, O] f32: what to act on next. */
  readonly observations: Tensor;
  /** What `step` kept. */
  readonly steps: KernelSteps;
  readonly #kernel: Kernel;
  readonly #constants: Constants;
  readonly #params: Readonly<Record<string, number | readonly number[]>>;

  /** Whether the environment of this id is a kernel, too. */
  static has(id: string): boolean {
    return Object.hasOwn(ENVIRONMENT_KERNELS, id);
  }

  /**
   * The copies, each at the beginning of its first episode.
   * @throws ConfigError for an id that has no kernel, and for a count or rows below 1.
   */
  static async open(
    device: Device,
    id: string,
    options: KernelEnvironmentOptions,
  ): Promise<KernelEnvironment> {
    const { dynamics, limit } = environmentEntry(id);
    if (!KernelEnvironment.has(id))
      throw new ConfigError(
        `${id} has no kernel; those that have one: ${Object.keys(ENVIRONMENT_KERNELS).join(', ')}`,
      );
    const kernel = ENVIRONMENT_KERNELS[id]!;
    const compiled = await device.kernel(environmentFile(kernel), { name: id });
    return new KernelEnvironment(device, compiled, kernel, { ...dynamics(), limit }, options);
  }

  private constructor(
    device: Device,
    compiled: Kernel,
    { constants = {}, stateWords, stateType }: EnvironmentKernel,
    about: { observationSpace: Space; actionSpace: Space; limit: number },
    { count, seed, rows = 1 }: KernelEnvironmentOptions,
  ) {
    for (const [name, value] of Object.entries({ count, rows }))
      if (!(Number.isSafeInteger(value) && value >= 1))
        throw new ConfigError(`KernelEnvironment: ${name} is ${value}, expected at least 1`);
    const { observationSpace, actionSpace, limit } = about;
    const observed = featuresOf(observationSpace);
    const zeros = (shape: number[], dtype: DType = 'f32') =>
      Object.assign(device.zeros(shape, { dtype }), { kept: true });
    this.observationSpace = observationSpace;
    this.actionSpace = actionSpace;
    this.count = count;
    this.rows = rows;
    this.states = zeros([count, stateWords], stateType);
    this.accounts = zeros([count, ACCOUNT_WORDS], 'u32');
    this.observations = zeros([count, observed]);
    this.steps = {
      observations: zeros([rows, count, observed]),
      following: zeros([rows, count, observed]),
      actions: zeros([rows, count], actionSpace.kind === 'discrete' ? 'i32' : 'f32'),
      outcomes: zeros([OUTCOMES, rows, count]),
    };
    this.#kernel = compiled;
    this.#constants = constants;
    const steps = Number.isFinite(limit) ? limit : NO_LIMIT;
    this.#params = { copies: count, rows, limit: steps, key: keyOf(seed) };
    this.reset();
  }

  /** Begins the first episode of every copy again. */
  reset(): void {
    this.#run('reset', 0, [], [this.states, this.accounts, this.observations]);
  }

  /**
   * Takes a step in every copy, and keeps it in row `row` of `steps`.
   * @param actions [N], i32 where discrete, else f32
   */
  step(actions: Tensor, row = 0): void {
    const { states, accounts, observations, steps } = this;
    const kept = [steps.observations, steps.actions, steps.following, steps.outcomes];
    this.#run('step', row, [actions], [states, accounts, observations, ...kept]);
  }

  /** All that decides what follows. */
  async snapshot(): Promise<Json> {
    const { states, accounts, observations } = this;
    const read = async (x: Tensor) => Array.from(await x.data());
    const [s, a, o] = await Promise.all([read(states), read(accounts), read(observations)]);
    return { states: s!, accounts: a!, observations: o! };
  }

  /** Goes on from a snapshot, bit for bit. @throws ShapeError where it is of another number of copies */
  restore(snapshot: Json): void {
    const saved = snapshot as { states: number[]; accounts: number[]; observations: number[] };
    this.states.write(saved.states);
    this.accounts.write(saved.accounts);
    this.observations.write(saved.observations);
  }

  dispose(): void {
    for (const x of [this.states, this.accounts, this.observations]) x.dispose();
    for (const x of Object.values(this.steps)) x.dispose();
  }

  #run(entry: string, row: number, inputs: Tensor[], outputs: Tensor[]): void {
    this.#kernel.run(entry, {
      inputs,
      outputs,
      params: { ...this.#params, row },
      constants: this.#constants,
      workgroups: Math.ceil(this.count / THREADS),
    });
  }
}
