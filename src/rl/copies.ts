// N copies of an environment, on the host or as a kernel.

import { ConfigError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { KernelEnvironment } from './kernel_environment.ts';
import { makeEnvironment } from './registry.ts';
import { VectorEnvironment } from './vector.ts';

export type Copies = VectorEnvironment | KernelEnvironment;

/** Where environments are stepped: 'auto' takes the kernel where there is one that can be used. */
export type EnvironmentPlace = 'auto' | 'kernel' | 'typescript';

export interface CopiesSettings {
  readonly seed: number;
  readonly copies: number;
  readonly rolloutSteps: number;
  readonly environments: EnvironmentPlace;
  readonly noiseSteps: number | null;
}

/**
 * The copies that a rollout steps through.
 * @throws ConfigError where 'kernel' is asked for and there is none, or noise is to last for steps
 */
export async function openCopies(
  device: Device,
  id: string,
  { seed, copies, rolloutSteps, environments, noiseSteps }: CopiesSettings,
): Promise<Copies> {
  if (environments === 'kernel' && noiseSteps !== null)
    throw new ConfigError(
      `environments is "kernel": noiseSteps is ${noiseSteps}, but inside a rollout on the device every action has a noise of its own`,
    );
  const asKernel =
    environments === 'kernel' ||
    (environments === 'auto' && noiseSteps === null && KernelEnvironment.has(id));
  if (!asKernel) return new VectorEnvironment(() => makeEnvironment(id), copies);
  return KernelEnvironment.open(device, id, { count: copies, seed, rows: rolloutSteps });
}
