// What the page and its worker say to each other besides what every page's do.

import type { AgentSettings, WatchedFrame } from '../../src/rl/index.ts';
import type { SavedAt } from '../shared/protocol.ts';

/** Of the environment that is drawn, whatever its own clock. */
export const FRAMES_PER_SECOND = 30;

export interface Agent {
  readonly algorithm: string;
  /** An id, such as 'CartPole-v1'. */
  readonly environment: string;
}

export type Command =
  /** Trains; a run that goes on takes all from its folder. */
  { type: 'start'; settings: object } & Agent & SavedAt;

/** Where the curves are after an iteration; null for what there is not. */
export interface Point {
  /** Environment steps, all copies together. */
  readonly step: number;
  /** Mean of the last 100 episodes. */
  readonly return: number | null;
  /** Nats. */
  readonly entropy: number | null;
  /** Nats, from the policy that acted to the one after the update. */
  readonly kl: number | null;
}

export interface Begun extends Agent {
  readonly settings: AgentSettings;
  readonly steps: number;
  /** Mean returns of other policies. */
  readonly levels: readonly { readonly label: string; readonly value: number }[];
  /** Of a run that goes on, before. */
  readonly past: readonly Point[];
}

export type Report =
  | { type: 'begun'; begun: Begun }
  | { type: 'progress'; point: Point; episodes: number; stepsPerSecond: number }
  /** One environment by the policy as it is, in order. */
  | { type: 'frames'; frames: readonly WatchedFrame[] };
