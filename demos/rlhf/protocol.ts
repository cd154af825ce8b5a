// What the page and its worker say to each other besides what every page's do.

import type { Label } from '../../src/posttrain/labeller.ts';
import type { SavedAt } from '../shared/protocol.ts';

/** Of a whole story: they stay the same from its first stage to its last. */
export interface StorySettings {
  readonly seed: number;
  /** Steps that the writer is trained for. */
  readonly baseSteps: number;
  /** The size for a software adapter, or that for a GPU. */
  readonly small: boolean;
}

/** The simulated labeller: see `src/posttrain/labeller.ts`. */
export interface Taste {
  readonly temperature: number;
  readonly flips: number;
}

export interface MoveSettings {
  readonly beta: number;
  readonly rollouts: number;
  /** Of a rollout. */
  readonly answers: number;
}

export type Command =
  | ({ type: 'start'; settings: StorySettings } & SavedAt)
  /** Which of the pair that is shown is better. */
  | { type: 'choose'; label: Label }
  | { type: 'simulate'; count: number; taste: Taste }
  /** A new reward model, from all labels that there are. */
  | { type: 'learn'; taste: Taste }
  /** A new policy, from the writer as it was. */
  | { type: 'move'; settings: MoveSettings };

export interface ShownPair {
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
}

export interface ShownSample {
  readonly prompt: string;
  readonly before: string;
  readonly after: string;
}

/** A move as it is kept: what its rewards are, too. */
export interface SavedMove extends MoveSettings {
  /** How many the reward model learned from, of which a story has one at a time. */
  readonly labels: number;
}

/** A rollout, before it was learned from. Rewards are in standard deviations of the writer's answers, whose mean is 0. */
export interface MovePoint {
  readonly step: number;
  readonly learned: number;
  readonly gold: number;
  /** From the writer, in nats per answer. */
  readonly kl: number;
  /** Tokens. */
  readonly length: number;
}

/** How good a reward model is: shares of labels that it agrees with. */
export interface Learned {
  /** How many it learned from, */
  readonly labels: number;
  /** and of these. */
  readonly known: number;
  /** Of held-out pairs, as the simulated labeller labels them; and the most that any judge can. */
  readonly accuracy: number;
  readonly ceiling: number;
}

export type Report =
  | { type: 'writing'; step: number; steps: number; losses: readonly number[] }
  /** The writer is ready: trained now, or taken from an earlier visit. */
  | { type: 'writer'; parameters: number; kept: boolean; settings: StorySettings }
  | { type: 'pair'; pair: ShownPair }
  /** One more label, as a line of JSON; `pair` is null for one of a saved run. */
  | { type: 'label'; label: Label | null; pair: ShownPair | null; line: string }
  | { type: 'learning'; step: number; steps: number; loss: number; accuracy: number | null }
  | { type: 'learned'; learned: Learned }
  | { type: 'move'; settings: MoveSettings }
  | { type: 'moved'; point: MovePoint; steps: number }
  | { type: 'samples'; step: number; samples: readonly ShownSample[] };
