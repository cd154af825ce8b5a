// The form's fields as settings of `trainAgent`, and what the form is filled with.

import type { Begun } from './protocol.ts';

/** The form's fields, by their names. */
export type FormValues = {
  readonly environment: string;
  readonly algorithm: string;
  readonly copies: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly seed: number;
} & Readonly<Record<Break, boolean>>;

type Break = keyof typeof BREAKS;
type Settings = Readonly<Record<string, unknown>>;

/** Ways to learn worse, all of them settings; `null`: the learning rate, by a factor. */
const BREAKS = {
  hugeRate: { label: 'rate × 30', algorithms: ['ppo', 'a2c', 'reinforce'], change: null },
  noClip: { label: 'no clipping', algorithms: ['ppo'], change: { clip: 1000 } },
  rawAdvantages: {
    label: 'advantages as they are',
    algorithms: ['ppo'],
    change: { normaliseAdvantages: false },
  },
  truncationIsEnd: {
    label: 'out of time = the end',
    algorithms: ['ppo', 'a2c'],
    change: { truncationIsEnd: true },
  },
  noBaseline: { label: 'no baseline', algorithms: ['reinforce'], change: { baseline: 'none' } },
} satisfies Record<string, { label: string; algorithms: string[]; change: Settings | null }>;

const HUGE = 30;
const EVALUATION_EPISODES = 20;
/** Iterations between checkpoints. */
const CHECKPOINT_ITERATIONS = 10;

export function canBreak(algorithm: string, name: string): boolean {
  return BREAKS[name as Break].algorithms.includes(algorithm);
}

/** The names of those that are on. */
export function breaksOf(values: FormValues): string[] {
  const on = Object.entries(BREAKS).filter(([name]) => values[name as Break]);
  return on.map(([, { label }]) => label);
}

/** What differs from an algorithm's defaults. The learning rate falls to 0 over so many iterations. */
interface Preset extends Settings {
  readonly iterations: number;
  readonly learningRate: number;
  readonly rolloutSteps?: number;
}

const PPO = { rolloutSteps: 32, minibatches: 4, epochs: 4, learningRate: 0.003 };
const GRID = { ...PPO, rolloutSteps: 16, gamma: 0.97, entropyCoef: 0.01, iterations: 40 };
const A2C = { rolloutSteps: 16, target: 'gae', learningRate: 0.003, iterations: 150 };
const REINFORCE = {
  ...{ estimator: 'reward-to-go', baseline: 'value', batchSteps: 1, learningRate: 0.05 },
  ...{ valueRate: 0.05, valueSteps: 20, iterations: 80 },
};

/** Where observations and rewards have units of their own. */
const SCALED = { normaliseObservations: true, normaliseRewards: true };

/** The line `any` is for worlds that have none of their own. */
const PRESETS: Readonly<Record<string, Readonly<Record<string, Preset>>>> = {
  ppo: {
    any: { ...PPO, gamma: 0.98, lambda: 0.9, entropyCoef: 0, iterations: 50 },
    'Pendulum-v1': {
      ...PPO,
      ...{ rolloutSteps: 64, minibatches: 16, epochs: 10, learningRate: 0.001 },
      ...{ gamma: 0.9, entropyCoef: 0, valueCoef: 1, iterations: 60 },
    },
    'MountainCar-v0': {
      ...PPO,
      ...{ rolloutSteps: 256, minibatches: 16, learningRate: 0.002, iterations: 40 },
      ...{ gamma: 0.995, lambda: 0.98, entropyCoef: 0, valueCoef: 1 },
      ...SCALED,
    },
    'Breakout10x10-v0': { ...PPO, learningRate: 0.001, hidden: [128], iterations: 100 },
    'GridWorld-v0': GRID,
    'Maze-v0': { ...GRID, rolloutSteps: 32, gamma: 0.99 },
  },
  a2c: {
    any: { ...A2C, gamma: 0.98 },
    'Breakout10x10-v0': { ...A2C, learningRate: 0.001, hidden: [128] },
    'Pendulum-v1': { ...A2C, ...SCALED, gamma: 0.9 },
    'MountainCar-v0': { ...A2C, ...SCALED },
  },
  reinforce: { any: REINFORCE },
};

/** Whether the page has this algorithm. */
export const hasAlgorithm = (name: string): boolean => Object.hasOwn(PRESETS, name);

function presetFor({ algorithm, environment }: FormValues): Preset {
  const presets = PRESETS[algorithm]!;
  return presets[environment] ?? presets.any!;
}

/** Copies of the world: a GPU takes thousands in the time of a few. REINFORCE plays whole episodes, on the host. */
function copiesFor(values: FormValues, software: boolean): number {
  if (values.algorithm === 'reinforce') return 8;
  if (values.environment === 'Breakout10x10-v0') return software ? 16 : 256; // its pictures take memory
  const long = (presetFor(values).rolloutSteps ?? 0) > 32;
  if (software) return long ? 16 : 64;
  return long ? 512 : 2048;
}

/** The preset's values of the form's fields. */
export function presetOf(values: FormValues, software: boolean) {
  const { iterations, learningRate, rolloutSteps } = presetFor(values);
  const copies = copiesFor(values, software);
  const steps = iterations * copies * (rolloutSteps ?? EPISODE_STEPS);
  return { copies, learningRate, steps };
}

/** About, of the episodes that REINFORCE plays: their length is not known. */
const EPISODE_STEPS = 50;

export function settingsFrom(values: FormValues): object {
  const { copies, steps, seed, learningRate, hugeRate } = values;
  const { iterations, ...preset } = presetFor(values);
  const changes = Object.entries(BREAKS).map(
    ([name, { change }]) => values[name as Break] && change,
  );
  return {
    ...preset,
    ...{ copies, steps, seed, learningRate: learningRate * (hugeRate ? HUGE : 1) },
    evaluationEpisodes: EVALUATION_EPISODES,
    checkpointEvery: CHECKPOINT_ITERATIONS * copies * (preset.rolloutSteps ?? EPISODE_STEPS),
    ...Object.assign({}, ...changes),
  };
}

/** The form of a run that goes on; its learning rate is as it was, whatever made it so. */
export function formOf({ algorithm, environment, settings }: Begun): FormValues {
  const { copies, steps, learningRate, seed } = settings as unknown as FormValues;
  const breaks = Object.entries(BREAKS).map(([name, { change }]) => [
    name,
    change !== null && Object.entries(change).every(([key, value]) => settings[key] === value),
  ]);
  return {
    ...{ algorithm, environment, copies, steps, learningRate, seed },
    ...(Object.fromEntries(breaks) as Record<Break, boolean>),
  };
}
