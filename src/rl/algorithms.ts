// The algorithms that train a policy in an environment, by name: `trainAgent` and the command know them from here.

import { ConfigError } from '../errors.ts';
import { type Checks, nearest } from '../io/config.ts';
import type { Device } from '../ops/device.ts';
import type { Learner } from './learner.ts';
import { MlpActorCritic } from './networks.ts';
import { PPO_CHECKS, PPO_DEFAULTS, Ppo, type PpoSettings } from './ppo.ts';
import { PPO_PRESETS } from './ppo_presets.ts';
import { makeEnvironment } from './registry.ts';
import { VectorEnvironment } from './vector.ts';

export interface Algorithm<Settings extends object = object> {
  /** One line for lists. */
  readonly about: string;
  readonly defaults: Settings;
  readonly checks: Checks<Settings>;
  /** What differs from the defaults, by preset and environment; `any` where there are none for an environment. */
  readonly presets: Readonly<Record<string, PresetsOf<Settings>>>;
  create(
    device: Device,
    environment: string,
    settings: Settings & { readonly seed: number },
  ): Learner;
}

export type PresetsOf<Settings> = Readonly<
  Record<string, Partial<Settings> & { readonly steps?: number }>
>;

/** Keeps the settings' type for the checks of its own lines. */
const algorithm = <S extends object>(entry: Algorithm<S>) => entry as unknown as Algorithm;

export const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  ppo: algorithm<PpoSettings>({
    about: 'proximal policy optimisation (Schulman et al. 2017)',
    defaults: PPO_DEFAULTS,
    checks: PPO_CHECKS,
    presets: PPO_PRESETS,
    create(device, environment, settings) {
      const copies = new VectorEnvironment(() => makeEnvironment(environment), settings.copies);
      return new Ppo(device, new MlpActorCritic(device, copies, settings), copies, settings);
    },
  }),
};

/** @throws ConfigError, with all that there are, for an unknown name */
export function algorithmNamed(name: string): Algorithm {
  if (Object.hasOwn(ALGORITHMS, name)) return ALGORITHMS[name]!;
  const names = Object.keys(ALGORITHMS);
  const guess = nearest(name, names);
  throw new ConfigError(
    `unknown algorithm "${name}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${names.join(', ')}`,
  );
}
