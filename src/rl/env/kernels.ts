// The environments that are kernels, too: their equations in WGSL, and what the host needs to know of each.

import cartPole from '../../../kernels/env/cart_pole.wgsl' with { type: 'text' };
import vector from '../../../kernels/env/lib/vector.wgsl' with { type: 'text' };
import mountainCar from '../../../kernels/env/mountain_car.wgsl' with { type: 'text' };
import pendulum from '../../../kernels/env/pendulum.wgsl' with { type: 'text' };
import type { Constants } from '../../gpu/wgsl.ts';

/** An environment as WGSL: the functions that kernels/env/lib/vector.wgsl asks for. */
export interface EnvironmentKernel {
  readonly equations: string;
  /** Initialisers to replace in it. */
  readonly constants?: Constants;
  /** 32-bit words of a copy's state. */
  readonly stateWords: number;
  readonly stateType: 'f32' | 'u32';
}

/** By the ids of the registry, which has the rest: spaces and the time limit. */
export const ENVIRONMENT_KERNELS: Readonly<Record<string, EnvironmentKernel>> = {
  'CartPole-v1': {
    equations: cartPole,
    stateWords: 4,
    stateType: 'f32',
  },
  'CartPoleNoVelocity-v1': {
    equations: cartPole,
    constants: { VELOCITIES: 'false' },
    stateWords: 4,
    stateType: 'f32',
  },
  'MountainCar-v0': { equations: mountainCar, stateWords: 2, stateType: 'f32' },
  'Pendulum-v1': { equations: pendulum, stateWords: 2, stateType: 'f32' },
  'PendulumNoVelocity-v1': {
    equations: pendulum,
    constants: { VELOCITIES: 'false' },
    stateWords: 2,
    stateType: 'f32',
  },
};

/** The kernel file with the entry points `reset` and `step`. */
export const environmentFile = ({ equations }: EnvironmentKernel): string =>
  `${equations}\n${vector}`;
