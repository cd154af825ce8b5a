// A recommender: a user comes by, one of five items is shown, and is clicked on or not. A contextual bandit whose
// optimum is known: of every user, the item most likely clicked on.
//
//   P(click | user, item) = σ(bias_item + taste_item · user)        user: three traits, each -1 or 1, all 8 as likely

import { box, discrete } from '../environment.ts';
import type { ScriptedPolicy } from '../experts.ts';
import type { Dynamics } from '../simulate.ts';

const TRAITS = ['age', 'sport', 'evening'] as const;

/** The last is liked by all a little; the others each by some. */
const ITEMS: readonly { name: string; bias: number; taste: readonly number[] }[] = [
  { name: 'news', bias: -1.2, taste: [1.6, 0, -1.2] },
  { name: 'match', bias: -1.2, taste: [0, 2.2, 0.4] },
  { name: 'concert', bias: -1.4, taste: [-1.6, -0.8, 1.2] },
  { name: 'recipe', bias: -1.2, taste: [0.8, -1.2, 1.0] },
  { name: 'weather', bias: -0.4, taste: [0.1, 0, -0.2] },
];

export interface Recommender extends Dynamics<number[], Float64Array, number> {
  /** P(click) of each item for a user. */
  clicks(user: readonly number[]): number[];
  /** All users there are. */
  readonly users: readonly (readonly number[])[];
}

/** Sees the user's traits; an episode is one user, the reward 1 for a click. */
export function recommender(): Recommender {
  return {
    id: 'Recommender-v0',
    clicks,
    users: USERS,
    observationSpace: box([TRAITS.length], -1, 1),
    actionSpace: discrete(ITEMS.length),
    begin: (random) => [...USERS[random.integer(USERS.length)]!],
    next(user, item, random) {
      const clicked = random.uniform() < clicks(user)[item]!;
      return { state: user, reward: Number(clicked), terminated: true };
    },
    observe: (user) => Float64Array.from(user),
    picture(user) {
      const traits = TRAITS.map((trait, i) => `${trait} ${user[i]! > 0 ? '+' : '-'}`);
      const items = clicks(user).map((p, i) => `${ITEMS[i]!.name}: clicked on ${percent(p)}`);
      return { kind: 'text', lines: [`user: ${traits.join(', ')}`, ...items] };
    },
  };
}

/** The most popular item for all. */
export const recommenderExpert: () => ScriptedPolicy = () => () => ITEMS.length - 1;

const USERS = Array.from({ length: 2 ** TRAITS.length }, (_, i) =>
  TRAITS.map((_, trait) => ((i >> trait) % 2 === 0 ? -1 : 1)),
);

const clicks = (user: readonly number[]): number[] =>
  ITEMS.map(({ bias, taste }) => {
    const score = taste.reduce((sum, weight, i) => sum + weight * user[i]!, bias);
    return 1 / (1 + Math.exp(-score));
  });

const percent = (p: number): string => `${(100 * p).toFixed(0)} %`;
