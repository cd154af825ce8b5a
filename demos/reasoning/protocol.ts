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

export type Report =
  | { type: 'world'; parameters: number; examples: string; mostBudget: number }
  /** `measured` is null between evaluations. */
  | { type: 'warm'; step: number; steps: number; measured: Measured | null }
  | {
      type: 'rollout';
      step: number;
      steps: number;
      /** The share of right answers, before they were learned from. */
      right: number;
      /** Groups of which all answers are right, or none is: they teach nothing. */
      allRight: number;
      noneRight: number;
      groups: readonly Group[];
    }
  | { type: 'measured'; step: number; measured: Measured }
  /** Accuracy by the budget of thought, after so many rollouts. */
  | { type: 'budgets'; step: number; points: readonly { budget: number; right: number }[] }
  | { type: 'asked'; budget: number; measured: Measured; groups: readonly Group[] };
