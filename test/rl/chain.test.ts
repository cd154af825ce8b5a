// The chain that swims: MuJoCo's motion behind our contract.

import { beforeAll, describe, expect, test } from 'vitest';
import { checkEnv } from '../../src/rl/check_env.ts';
import { CHAIN_LIMIT, chain } from '../../src/rl/env/chain.ts';
import type { Environment } from '../../src/rl/environment.ts';
import { type Dynamics, simulate } from '../../src/rl/simulate.ts';

type Chain = Dynamics<number[], Float64Array, Float64Array>;

let three: Chain;
beforeAll(async () => {
  three = await chain();
});

const rest = (links: number) => new Array<number>(2 * (links + 2)).fill(0);
const still = new Float64Array(2);

describe('K4 a chain', () => {
  test('keeps the contract of environments', async () => {
    for (const links of [2, 4]) {
      const dynamics = await chain({ links });
      checkEnv(() => simulate(dynamics, { limit: 20 }) as Environment, { steps: 100 });
    }
  });

  test('at rest stays at rest, and costs nothing', () => {
    const { state, reward } = three.next(rest(3), still, null as never);
    for (const value of state) expect(value).toBeCloseTo(0, 12);
    expect(reward).toBeCloseTo(0, 12);
  });

  test('glides on, slowed by what it swims in, and is paid its speed', () => {
    const gliding = rest(3).with(5, 1); // the head's tip moves along x, and all with it
    const { state, reward } = three.next(gliding, still, null as never);
    expect(state[0]).toBeGreaterThan(0.02);
    expect(state[0]).toBeLessThan(0.04);
    expect(state[5]).toBeLessThan(1);
    expect(reward).toBeCloseTo(state[0]! / 0.04, 9);
  });

  test('torques bend it, within its joints, and no torque outside moves it: momentum only drags', () => {
    let state = rest(3);
    for (let t = 0; t < 100; t++)
      state = three.next(state, Float64Array.of(1, -1), null as never).state;
    const [first, second] = [state[3]!, state[4]!];
    expect(first).toBeGreaterThan(1);
    expect(second).toBeLessThan(-1);
    for (const angle of [first, second]) expect(Math.abs(angle)).toBeLessThan(1.8); // 100° = 1.745, limits yield a little
  });

  test('is the same however it lies: turned by a right angle, so is its motion', () => {
    const bent = [0.3, -0.2, 0.1, 0.4, -0.5, 0.2, -0.1, 0.3, 0.2, -0.4];
    const torques = Float64Array.of(0.5, -0.3);
    const turned = [0.2, 0.3, 0.1 + Math.PI / 2, 0.4, -0.5, 0.1, 0.2, 0.3, 0.2, -0.4];
    const one = three.next(bent, torques, null as never).state;
    const other = three.next(turned, torques, null as never).state;
    expect(other[0]).toBeCloseTo(-one[1]!, 9);
    expect(other[1]).toBeCloseTo(one[0]!, 9);
    for (const i of [3, 4, 7, 8, 9]) expect(other[i]).toBeCloseTo(one[i]!, 9);
    const own = (state: number[]) => [...three.observe(state)].filter((_, i) => i % 7 > 1);
    for (const [i, value] of own(other).entries()) expect(value).toBeCloseTo(own(one)[i]!, 9);
  });

  test('sees speeds as differences of places: the observation agrees with the motion', () => {
    const moving = [0.3, -0.2, 0.1, 0.4, -0.5, 0.2, -0.1, 0.3, 0.2, -0.4];
    const step = 1e-6;
    const later = moving.map((value, i) => (i < 5 ? value + step * moving[i + 5]! : value));
    const centre = (state: number[], link: number) => {
      const picture = three.picture!(state);
      const lines = picture.kind === 'shapes' ? picture.shapes.slice(-3) : [];
      const line = lines[link]!;
      const [[ax, ay], [bx, by]] =
        line.kind === 'line'
          ? (line.points as [[number, number], [number, number]])
          : [
              [0, 0],
              [0, 0],
            ];
      return [(ax + bx) / 2, (ay + by) / 2] as const;
    };
    const seen = three.observe(moving);
    for (const link of [0, 1, 2]) {
      const [sin, cos, , forward, sideways] = seen.slice(7 * link) as unknown as [
        number,
        number,
        number,
        number,
        number,
      ];
      const [a, b] = [centre(moving, link), centre(later, link)];
      const [vx, vy] = [(b[0] - a[0]) / step, (b[1] - a[1]) / step];
      expect(cos * vx + sin * vy).toBeCloseTo(forward, 4);
      expect(cos * vy - sin * vx).toBeCloseTo(sideways, 4);
    }
  });

  test('goes on from a snapshot bit for bit, another chain simulated meanwhile', () => {
    const env = simulate(three, { limit: CHAIN_LIMIT });
    env.reset({ seed: 3 });
    const action = (t: number) => Float64Array.of(Math.sin(t), Math.cos(t));
    for (let t = 0; t < 10; t++) env.step(action(t));
    const saved = JSON.parse(JSON.stringify(env.snapshot()));
    const on = () => Array.from({ length: 20 }, (_, t) => env.step(action(t)));
    const straight = on();
    simulate(three).reset({ seed: 9 });
    env.restore(saved);
    expect(on()).toEqual(straight);
  });

  test('refuses a chain of one link, and links that are no number', async () => {
    for (const links of [1, 0, 2.5, Number.NaN])
      await expect(chain({ links })).rejects.toThrow('links is');
  });
});
