// What the page and its worker say to each other besides what every page's do.

import type { TrainProgress, TrainSettings } from '../../src/llm/index.ts';
import type { SavedAt } from '../shared/protocol.ts';

export interface Source {
  readonly name: string;
  readonly bytes: ArrayBuffer;
}

export type Command =
  /** Trains; `text` null takes the built-in stories. */
  | ({ type: 'start'; text: Source | null; settings: Partial<TrainSettings> } & SavedAt)
  /** Measures which kernels are fastest here, and keeps that in the browser. */
  | { type: 'tune' }
  /** Continues the prompt with the model as it is. */
  | { type: 'write'; prompt: string };

/** What is known once the text is read and the model is made. */
export interface Facts {
  readonly source: string;
  readonly parameters: number;
  /** Different characters. */
  readonly vocabulary: number;
  /** Characters to learn from, and held out. */
  readonly trained: number;
  readonly heldOut: number;
  /** Nats per character; null for a visitor's text. */
  readonly entropyFloor: number | null;
}

export type Report =
  | { type: 'facts'; facts: Facts }
  | { type: 'progress'; progress: TrainProgress }
  | { type: 'tuning'; done: number; total: number }
  | { type: 'sample'; step: number; prompt: string; text: string };
