// The environments that are kernels, too: their equations in WGSL, and what the host needs to know of each.

import breakout from '../../../kernels/env/breakout.wgsl' with { type: 'text' };
import cartPole from '../../../kernels/env/cart_pole.wgsl' with { type: 'text' };
import gridWorld from '../../../kernels/env/grid_world.wgsl' with { type: 'text' };
import vector from '../../../kernels/env/lib/vector.wgsl' with { type: 'text' };
import mountainCar from '../../../kernels/env/mountain_car.wgsl' with { type: 'text' };
import pendulum from '../../../kernels/env/pendulum.wgsl' with { type: 'text' };
import type { Constants } from '../../gpu/wgsl.ts';
import { cellsOf } from './grid.ts';
import { GRID_WORLD_MAP, MAZE_MAP, readWorld } from './grid_world.ts';

/** An environment as WGSL: the functions that kernels/env/lib/vector.wgsl asks for. */
export interface EnvironmentKernel {
  readonly equations: string;
  /** Initialisers of its constants to replace. */
  readonly constants?: Constants;
  /** 32-bit words of a copy's state. */
  readonly stateWords: number;
  readonly stateType: 'f32' | 'u32';
}

/** By the ids of the registry, which has the rest: spaces and the time limit. */
export const ENVIRONMENT_KERNELS: Readonly<Record<string, EnvironmentKernel>> = {
  'Breakout10x10-v0': { equations: breakout, stateWords: 6, stateType: 'u32' },
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
  'GridWorld-v0': gridWorldKernel(GRID_WORLD_MAP),
  'Maze-v0': gridWorldKernel(MAZE_MAP, { MAZE: 'true' }),
  'MountainCar-v0': { equations: mountainCar, stateWords: 2, stateType: 'f32' },
  'Pendulum-v1': { equations: pendulum, stateWords: 2, stateType: 'f32' },
  'PendulumNoVelocity-v1': {
    equations: pendulum,
    constants: { VELOCITIES: 'false' },
    stateWords: 2,
    stateType: 'f32',
  },
};

function gridWorldKernel(map: readonly string[], constants: Constants = {}): EnvironmentKernel {
  const { grid, starts } = readWorld('GridWorld', map);
  const { rows, columns, cells } = grid;
  const bits = (chosen: readonly number[]) => {
    const words = new Uint32Array(Math.ceil(cells.length / 32));
    for (const cell of chosen) words[Math.floor(cell / 32)]! |= 1 << (cell % 32);
    return `Cells(${Array.from(words, (word) => `${word}u`).join(', ')})`;
  };
  const world = {
    ...{ ROWS: rows, COLUMNS: columns, STARTS_COUNT: starts.length },
    ...{ STARTS: bits(starts), STARS: bits(cellsOf(grid, '*')), BLOCKED: bits(cellsOf(grid, '#')) },
  };
  return {
    equations: gridWorld,
    constants: { ...world, ...constants },
    stateWords: 1,
    stateType: 'u32',
  };
}

/** The kernel file with the entry points `reset` and `step`. */
export const environmentFile = ({ equations }: EnvironmentKernel): string =>
  `${equations}\n${vector}`;
