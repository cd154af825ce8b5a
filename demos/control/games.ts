// What people call the environments' actions.

export interface Game {
  /** Of discrete actions, in their order; null where an action is a number. */
  readonly actions: readonly string[] | null;
  /** Of a number. */
  readonly unit?: string;
  /** What there is to do, and what it pays. */
  readonly about: string;
}

const WAYS = ['up', 'down', 'left', 'right'];

export const GAMES: Readonly<Record<string, Game>> = {
  'CartPole-v1': {
    actions: ['push left', 'push right'],
    about: 'Keep the pole up: 1 for each step, at most 500.',
  },
  'Pendulum-v1': {
    actions: null,
    unit: 'N m',
    about: 'Swing the rod up and hold it: each of 200 steps costs what it is away from upright.',
  },
  'MountainCar-v0': {
    actions: ['push left', 'coast', 'push right'],
    about: 'The engine is too weak for the hill: swing. Each step costs 1, at most 200.',
  },
  'GridWorld-v0': {
    actions: WAYS,
    about: 'Find the star (*) around the walls (#): 1 for finding it, within 100 steps.',
  },
  'Maze-v0': {
    actions: WAYS,
    about: 'Find the way out (*) as fast as possible: each step costs 1, at most 200.',
  },
  'Breakout10x10-v0': {
    actions: ['stay', 'left', 'right'],
    about:
      'Break the wall with the ball: 1 for each brick; a ball that is missed ends the game. It sees pictures: without a GPU it learns slowly, over many minutes.',
  },
};
