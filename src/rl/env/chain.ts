// A chain of links that swims in a plane by bending its joints, after Gymnasium's Swimmer, of any number of links:
// MuJoCo computes its motion (the package @mujoco/mujoco, loaded when a chain is made).
//
// Each link sees itself alone, in its own axes, so that one policy fits every link and chains of any length.

import type { MainModule, MjData, MjModel } from '@mujoco/mujoco';
import { ConfigError } from '../../errors.ts';
import { box } from '../environment.ts';
import type { Picture } from '../picture.ts';
import type { Dynamics } from '../simulate.ts';

const LENGTH = 1; // m, of a link
const RADIUS = 0.1; // m
const STEP = 0.01; // s
const STEPS = 4; // per action
const BEND = 100; // degrees that a joint bends to either side
const EFFORT = 1e-4; // price of a squared action
const SPREAD = 0.1; // of the first state, to either side

export interface ChainOptions {
  /** Default 3, Gymnasium's. */
  readonly links?: number;
}

/** What a link sees of itself: the numbers of a row of the observation. */
const LINK_FEATURES = ['sin', 'cos', 'spin', 'forward', 'sideways', 'bend', 'bending'] as const;

/** Positions, then velocities: the head's tip x and y, its heading, and each joint's angle. */
type ChainState = number[];

/**
 * Observation [links, 7]: sine and cosine of the link's heading, its angular velocity, the velocity of its centre along
 * and across it, and angle and angular velocity of its joint to the link in front (0 for the head). Actions: a torque
 * per joint, in [-1, 1]. Reward: mean velocity of the links' centres along x, minus 1e-4 Σ action². It never ends.
 * @throws ConfigError for fewer than 2 links, or where @mujoco/mujoco is not installed
 */
export async function chain({
  links = 3,
}: ChainOptions = {}): Promise<Dynamics<ChainState, Float64Array, Float64Array>> {
  if (!Number.isSafeInteger(links) || links < 2)
    throw new ConfigError(`chain: links is ${links}, expected a whole number from 2 on`);
  const { mujoco, model, data } = await modelOf(links);
  const freedoms = links + 2;

  const motion = (state: ChainState, torques: Float64Array): ChainState => {
    data.qpos.set(state.slice(0, freedoms));
    data.qvel.set(state.slice(freedoms));
    data.ctrl.set(torques);
    data.time = 0;
    for (let i = 0; i < STEPS; i++) mujoco.mj_step(model, data);
    return [...data.qpos, ...data.qvel];
  };

  return {
    id: `Chain${links}-v0`,
    observationSpace: box([links, LINK_FEATURES.length]),
    actionSpace: box([links - 1], -1, 1),
    begin: (random) => Array.from({ length: 2 * freedoms }, () => random.uniform(-SPREAD, SPREAD)),
    next(state, action) {
      const after = motion(state, action);
      const speed = (middle(after, links) - middle(state, links)) / (STEPS * STEP);
      const effort = action.reduce((sum, torque) => sum + torque ** 2, 0);
      return { state: after, reward: speed - EFFORT * effort, terminated: false };
    },
    observe: (state) => Float64Array.from(linksOf(state, links).flatMap(featuresOf)),
    picture: (state) => draw(linksOf(state, links)),
  };
}

/** Its time limit: steps of 0.04 s. */
export const CHAIN_LIMIT = 200;

interface Link {
  readonly x: number; // of its centre
  readonly y: number;
  readonly heading: number;
  readonly spin: number;
  readonly velocity: readonly [x: number, y: number];
  readonly bend: number; // from the link in front
  readonly bending: number;
}

/** The links from the head on, each from the end of the one in front. */
function linksOf(state: ChainState, count: number): Link[] {
  const freedoms = count + 2;
  let [x, y, heading] = state as [number, number, number];
  let [vx, vy, spin] = state.slice(freedoms) as [number, number, number];
  return Array.from({ length: count }, (_, i) => {
    const bend = i === 0 ? 0 : state[2 + i]!;
    const bending = i === 0 ? 0 : state[freedoms + 2 + i]!;
    heading += bend;
    spin += bending;
    const [cos, sin] = [Math.cos(heading), Math.sin(heading)];
    const half = LENGTH / 2;
    const link: Link = {
      x: x - half * cos,
      y: y - half * sin,
      heading,
      spin,
      velocity: [vx + half * sin * spin, vy - half * cos * spin],
      bend,
      bending,
    };
    [x, y] = [x - LENGTH * cos, y - LENGTH * sin];
    [vx, vy] = [vx + LENGTH * sin * spin, vy - LENGTH * cos * spin];
    return link;
  });
}

function featuresOf({ heading, spin, velocity: [vx, vy], bend, bending }: Link): number[] {
  const [cos, sin] = [Math.cos(heading), Math.sin(heading)];
  return [sin, cos, spin, cos * vx + sin * vy, cos * vy - sin * vx, bend, bending];
}

/** x of the centre of mass. */
const middle = (state: ChainState, count: number): number =>
  linksOf(state, count).reduce((sum, { x }) => sum + x, 0) / count;

interface Simulator {
  readonly mujoco: MainModule;
  readonly model: MjModel;
  /** Where a state is put, stepped and taken from: nothing stays in it. */
  readonly data: MjData;
}

/** By a name that bundlers for browsers cannot follow: they would take it for a dependency. */
const PACKAGE = '@mujoco/mujoco';

type Package = typeof import('@mujoco/mujoco');

let loading: Promise<MainModule> | null = null;
const simulators = new Map<number, Simulator>();

/** One simulator serves all chains of a length. */
async function modelOf(links: number): Promise<Simulator> {
  loading ??= load();
  const mujoco = await loading;
  const known = simulators.get(links);
  if (known) return known;
  const model = mujoco.MjModel.from_xml_string(description(links));
  const simulator = { mujoco, model, data: new mujoco.MjData(model) };
  simulators.set(links, simulator);
  return simulator;
}

async function load(): Promise<MainModule> {
  try {
    const { default: start } = (await import(/* @vite-ignore */ PACKAGE)) as Package;
    return await start();
  } catch (cause) {
    loading = null;
    throw new ConfigError('chain: needs MuJoCo: npm install @mujoco/mujoco@3.14.0', { cause });
  }
}

/** The chain in MJCF. A step begins from position and velocity alone, whatever was simulated before: no warm start. */
function description(links: number): string {
  const link = `<geom type="capsule" fromto="0 0 0 ${-LENGTH} 0 0" size="${RADIUS}" density="1000"/>`;
  const bodies = Array.from({ length: links - 1 }, (_, i) => {
    const joint = `<joint name="joint${i + 1}" type="hinge" axis="0 0 1" limited="true" range="${-BEND} ${BEND}"/>`;
    return `<body pos="${-LENGTH} 0 0">${joint}${link}`;
  });
  const motors = bodies.map((_, i) => `<motor joint="joint${i + 1}" gear="150" ctrlrange="-1 1"/>`);
  return `
<mujoco>
  <option timestep="${STEP}" integrator="implicitfast" density="4000" viscosity="0.1">
    <flag warmstart="disable" contact="disable" gravity="disable"/>
  </option>
  <default><joint armature="0.1"/></default>
  <worldbody>
    <body>
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 1 0"/>
      <joint type="hinge" axis="0 0 1"/>
      ${link}
      ${bodies.join('')}${'</body>'.repeat(bodies.length)}
    </body>
  </worldbody>
  <actuator>${motors.join('')}</actuator>
</mujoco>`;
}

/** Around its middle; the ground's marks stand a metre apart. */
function draw(links: readonly Link[]): Picture {
  const count = links.length;
  const x = links.reduce((sum, link) => sum + link.x, 0) / count;
  const y = links.reduce((sum, link) => sum + link.y, 0) / count;
  const [left, bottom] = [x - 0.8 * count, y - 0.5 * count];
  const [right, top] = [x + 0.8 * count, y + 0.5 * count];
  const marks = Array.from({ length: Math.ceil(right - left) }, (_, i) => Math.ceil(left) + i);
  return {
    kind: 'shapes',
    left,
    right,
    bottom,
    top,
    shapes: [
      ...marks.map((mark) => ({
        kind: 'line' as const,
        points: [[mark, bottom] as const, [mark, top] as const],
        width: 0.01,
        role: 'ground' as const,
      })),
      ...links.map(({ x, y, heading }, i) => {
        const [dx, dy] = [(LENGTH / 2) * Math.cos(heading), (LENGTH / 2) * Math.sin(heading)];
        return {
          kind: 'line' as const,
          points: [[x - dx, y - dy] as const, [x + dx, y + dy] as const],
          width: 2 * RADIUS,
          role: i === 0 ? ('agent' as const) : ('part' as const),
        };
      }),
    ],
  };
}
