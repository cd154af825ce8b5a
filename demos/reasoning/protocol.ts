// What the page and its worker say to each other besides what every page's do.

import type { SavedAt } from '../shared/protocol.ts';

export interface Settings {
  readonly seed: number;
  /** The size for a software adapter, or that for a GPU. */
  readonly small: boolean;
  /** The share of the solutions that are taught with a slip. */
  readonly slips: number;
  readonly warmSteps: number;
  readonly rollouts: number;
  /** Problems of a rollout, and answers to each. */
  readonly prompts: number;
  readonly groupSize: number;
  readonly learningRate: number;
  /** Most tokens of thought while it learns. */
  readonly budget: number;
}

export type Command =
  | ({ type: 'start'; settings: Settings } & SavedAt)
  /** Held-out problems, with so many tokens of thought. */
  | { type: 'ask'; budget: number };

export interface Attempted {
  readonly right: boolean;
  /** What is hidden from a user, and what is not. */
  readonly thought: string;
  readonly text: string;
}

/** A problem with its answers. */
export interface Group {
  readonly question: string;
  readonly answer: string;
  readonly attempts: readonly Attempted[];
}

/** On held-out problems, each asked several times. */
export interface Measured {
  readonly passOnce: number;
  readonly majority: number;
  /** Tokens of thought, on average. */
  readonly thought: number;
}

/** Of the curves; `step` counts rollouts. */
export type Point =
  /** In the warm start, after so many of its steps. */
  | ({ type: 'warmed'; step: 0; after: number } & Measured)
  | {
      type: 'rollout';
      step: number;
      /** The share of right answers, before they were learned from. */
      right: number;
      /** Groups of which all answers are right, or none is: they teach nothing. */
      allRight: number;
      noneRight: number;
    }
  | ({ type: 'measured'; step: number } & Measured)
  /** Accuracy with a budget of thought. */
  | { type: 'budget'; step: number; budget: number; right: number };

export type Report =
  | { type: 'world'; settings: Settings; parameters: number; examples: string; mostBudget: number }
  /** A turn of the warm start. */
  | { type: 'warm'; step: number; loss: number }
  | Point
  /** Of the last rollout. */
  | { type: 'groups'; groups: readonly Group[] }
  | { type: 'asked'; budget: number; measured: Measured; groups: readonly Group[] };
