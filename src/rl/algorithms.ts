// The algorithms that train a policy in an environment, by name: `trainAgent` and the command know them from here.

import { ConfigError } from '../errors.ts';
import { type Checks, nearest } from '../io/config.ts';
import type { Device } from '../ops/device.ts';
import { A2C_CHECKS, A2C_DEFAULTS, type A2cSettings, a2c } from './a2c.ts';
import { ConvActorCritic, isImage } from './conv_policy.ts';
import { type Copies, openCopies } from './copies.ts';
import type { Learner } from './learner.ts';
import { type ActorCritic, MlpActorCritic, type MlpActorCriticOptions } from './networks.ts';
import { PPO_CHECKS, PPO_DEFAULTS, type PpoSettings, ppo } from './ppo.ts';
import { PPO_PRESETS } from './ppo_presets.ts';
import { environmentEntry, makeEnvironment } from './registry.ts';
import {
  REINFORCE_CHECKS,
  REINFORCE_DEFAULTS,
  Reinforce,
  type ReinforceSettings,
} from './reinforce_learner.ts';
import { REINFORCE_PRESETS } from './reinforce_presets.ts';
import { SAC_CHECKS, SAC_DEFAULTS, Sac, type SacSettings } from './sac.ts';
import { SacModel } from './sac_networks.ts';
import { SAC_PRESETS } from './sac_presets.ts';
import { EXACT_ALGORITHMS } from './tabular/solve.ts';
import { TRPO_CHECKS, TRPO_DEFAULTS, Trpo, type TrpoSettings } from './trpo.ts';
import { TRPO_PRESETS } from './trpo_presets.ts';
import { VectorEnvironment } from './vector.ts';

export interface Algorithm<Settings extends object = object> {
  /** One line for lists. */
  readonly about: string;
  readonly defaults: Settings;
  readonly checks: Checks<Settings>;
  /** What differs from the defaults, by preset and environment; the first preset is the default. */
  readonly presets: Readonly<Record<string, PresetsOf<Settings>>>;
  create(
    device: Device,
    environment: string,
    settings: Settings & { readonly seed: number },
  ): Learner | Promise<Learner>;
}

/** By an environment's id, or for others `continuous` where actions are, else `any`. */
export type PresetsOf<Settings> = Readonly<
  Record<string, Partial<Settings> & { readonly steps?: number }>
>;

/** Keeps the settings' type for the checks of its own lines. */
function algorithm<S extends object>(entry: Algorithm<S>): Algorithm {
  return entry as unknown as Algorithm;
}

export const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  a2c: algorithm<A2cSettings>({
    about: 'advantage actor-critic (Mnih et al. 2016)',
    defaults: A2C_DEFAULTS,
    checks: A2C_CHECKS,
    presets: { sb3: { any: { steps: 500_000 } } },
    async create(device, environment, settings) {
      const copies = await openCopies(device, environment, settings);
      return a2c(device, modelFor(device, copies, settings), copies, settings);
    },
  }),
  ppo: algorithm<PpoSettings>({
    about: 'proximal policy optimisation (Schulman et al. 2017)',
    defaults: PPO_DEFAULTS,
    checks: PPO_CHECKS,
    presets: PPO_PRESETS,
    async create(device, environment, settings) {
      const copies = await openCopies(device, environment, settings);
      return ppo(device, modelFor(device, copies, settings), copies, settings);
    },
  }),
  sac: algorithm<SacSettings>({
    about: 'soft actor-critic (Haarnoja et al. 2018), for continuous actions',
    defaults: SAC_DEFAULTS,
    checks: SAC_CHECKS,
    presets: SAC_PRESETS,
    create(device, environment, settings) {
      const copies = new VectorEnvironment(() => makeEnvironment(environment), settings.copies);
      return new Sac(device, new SacModel(device, copies, settings), copies, settings);
    },
  }),
  reinforce: algorithm<ReinforceSettings>({
    about: 'Monte Carlo policy gradient (Williams 1992)',
    defaults: REINFORCE_DEFAULTS,
    checks: REINFORCE_CHECKS,
    presets: REINFORCE_PRESETS,
    create(device, environment, settings) {
      const make = () => makeEnvironment(environment);
      return new Reinforce(device, new MlpActorCritic(device, make(), settings), make, settings);
    },
  }),
  trpo: trustRegion('trust-region policy optimisation (Schulman et al. 2015)', {}),
  npg: trustRegion('natural policy gradient (Kakade 2001)', { searchSteps: 0 }),
};

/** Of convolutions where images are seen, else of linear layers. @throws ConfigError where it cannot be as it is set */
function modelFor(device: Device, copies: Copies, settings: MlpActorCriticOptions): ActorCritic {
  if (!isImage(copies.observationSpace)) return new MlpActorCritic(device, copies, settings);
  if (settings.normaliseObservations)
    throw new ConfigError(
      'normaliseObservations is true; images keep their scale: set it to false',
    );
  return new ConvActorCritic(device, copies, settings);
}

/** TRPO, and what it is without its line search. */
function trustRegion(about: string, own: Partial<TrpoSettings>): Algorithm {
  return algorithm<TrpoSettings>({
    about,
    defaults: { ...TRPO_DEFAULTS, ...own },
    checks: TRPO_CHECKS,
    presets: TRPO_PRESETS,
    create(device, environment, settings) {
      const copies = new VectorEnvironment(() => makeEnvironment(environment), settings.copies);
      return new Trpo(device, new MlpActorCritic(device, copies, settings), copies, settings);
    },
  });
}

/** @throws ConfigError, with all that there are, for an unknown name */
export function algorithmNamed(name: string): Algorithm {
  if (Object.hasOwn(ALGORITHMS, name)) return ALGORITHMS[name]!;
  const exact: readonly string[] = EXACT_ALGORITHMS;
  if (exact.includes(name)) throw new ConfigError(`${name} trains nothing: solve() computes it`);
  const names = [...Object.keys(ALGORITHMS), ...exact];
  const guess = nearest(name, names);
  throw new ConfigError(
    `unknown algorithm "${name}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${names.join(', ')}`,
  );
}

/** The settings of a preset, the first unless named, for an environment. @throws ConfigError for an unknown name */
export function presetSettings(algorithm: string, environment: string, name?: string): object {
  const { presets } = algorithmNamed(algorithm);
  const names = Object.keys(presets);
  const wanted = name ?? names[0];
  if (wanted === undefined) return {};
  if (!Object.hasOwn(presets, wanted)) {
    const guess = nearest(wanted, names);
    throw new ConfigError(
      `${algorithm} has no preset "${wanted}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${names.join(', ')}`,
    );
  }
  const preset = presets[wanted]!;
  const { actionSpace } = environmentEntry(environment).dynamics();
  const kind = actionSpace.kind === 'box' && preset.continuous ? 'continuous' : 'any';
  return preset[environment] ?? preset[kind] ?? {};
}
