// Breakout: each rule, from states made for it.

import { describe, expect, test } from 'vitest';
import { breakout } from '../../src/rl/env/breakout.ts';
import { makeEnvironment, RandomSequence } from '../../src/rl/index.ts';

const { next, observe, picture } = breakout();
const random = new RandomSequence({ seed: 0 });
const [STAY, LEFT, RIGHT] = [0, 1, 2];
const wall = (...gone: number[]) => Array.from({ length: 30 }, (_, i) => Number(!gone.includes(i)));
const all = wall();
const none = new Array(30).fill(0);

/** Ball x, y, dx, dy, then the paddle. */
const play = (ball: number[], bricks: number[], action = STAY) => {
  const { state, reward, terminated } = next([...ball, ...bricks], action, random);
  return { ball: state.slice(0, 5), bricks: state.slice(5), reward, terminated };
};

describe('K2 Breakout', () => {
  test('the ball flies diagonally; walls and ceiling turn it', () => {
    expect(play([4, 5, 1, 1, 0], all).ball).toEqual([5, 6, 1, 1, 0]);
    expect(play([9, 5, 1, 1, 0], all).ball).toEqual([9, 6, -1, 1, 0]);
    expect(play([0, 5, -1, 1, 0], all).ball).toEqual([0, 6, 1, 1, 0]);
    expect(play([4, 0, 1, -1, 0], none).ball).toEqual([5, 0, 1, 1, 0]);
  });

  test('a brick in the way is gone, for 1, and turns the ball', () => {
    const hit = play([4, 4, 1, -1, 0], all);
    expect(hit.ball).toEqual([4, 4, 1, 1, 0]);
    expect(hit.bricks).toEqual(wall(25)); // third row, column 5
    expect(hit.reward).toBe(1);
    expect(play([4, 4, 1, -1, 0], wall(25))).toMatchObject({ ball: [5, 3, 1, -1, 0], reward: 0 });
  });

  test('the paddle moves, first, and not out of the field', () => {
    expect(play([4, 5, 1, 1, 0], all, LEFT).ball[4]).toBe(0);
    expect(play([4, 5, 1, 1, 0], all, RIGHT).ball[4]).toBe(1);
    expect(play([4, 8, 1, 1, 3], all, RIGHT).terminated).toBe(false);
  });

  test('under the ball it sends it on, where it was heading it sends it back, else all is over', () => {
    expect(play([4, 8, 1, 1, 4], all).ball).toEqual([4, 8, 1, -1, 4]);
    expect(play([4, 8, 1, 1, 5], all).ball).toEqual([4, 8, -1, -1, 5]);
    expect(play([4, 8, 1, 1, 6], all)).toMatchObject({ ball: [5, 9, 1, 1, 6], terminated: true });
  });

  test('whoever cleared the wall faces a new one from the paddle on', () => {
    const last = play([4, 4, 1, -1, 0], none.with(25, 1));
    expect(last).toMatchObject({ bricks: none, reward: 1 });
    expect(play([4, 8, 1, 1, 4], none).bricks).toEqual(all);
  });

  test('one frame tells the direction of the ball', () => {
    const frames = new Set<string>();
    for (let x = 0; x < 10; x++)
      for (let y = 0; y < 9; y++)
        for (const dx of [-1, 1])
          for (const dy of [-1, 1]) frames.add(observe([x, y, dx, dy, 4, ...none]).join(''));
    expect(frames.size).toBe(10 * 9 * 4);
  });

  test('what a person sees', () => {
    const env = makeEnvironment('Breakout10x10-v0');
    env.reset({ seed: 1 });
    expect(picture!([4, 6, 1, 1, 2, ...wall(25)])).toEqual({
      kind: 'text',
      lines: [
        '..........',
        '##########',
        '##########',
        '#####.####',
        '..........',
        '..........',
        '....o.....',
        '..........',
        '..........',
        '..=.......',
      ],
    });
  });
});
