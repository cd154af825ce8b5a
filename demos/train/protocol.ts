// What the page and its worker say to each other besides what every page's do.

import type { Merge, TrainProgress, TrainSettings } from '../../src/llm/index.ts';
import type { SavedAt } from '../shared/protocol.ts';
import type { SavedLoss } from '../shared/saved_losses.ts';

export interface Source {
  readonly name: string;
  readonly bytes: ArrayBuffer;
}

/** How tokens are drawn; `topK` null takes all. */
export interface Sampling {
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number;
}

export type Command =
  /** Trains; `text` null takes the built-in stories. A saved run has settings of its own. */
  | ({ type: 'start'; text: Source | null; settings: TrainSettings } & SavedAt)
  /** Measures which kernels are fastest here, and keeps that in the browser. */
  | { type: 'tune' }
  /** Continues the prompt with the model as it is. */
  | { type: 'write'; prompt: string; sampling: Sampling }
  /** Told: the text to look into, now and after each evaluation. */
  | { type: 'look'; text: string };

/** A place of the curves. */
export interface Point extends SavedLoss {
  /** Of the losses of the last steps. */
  readonly mean: number;
}

/** What is known once the text is read and the model is made. */
export interface Facts {
  readonly source: string;
  readonly parameters: number;
  /** By id, as they are shown. */
  readonly vocabulary: readonly string[];
  readonly unit: 'character' | 'token';
  readonly charactersPerToken: number;
  /** Tokens to learn from, and held out. */
  readonly trained: number;
  readonly heldOut: number;
  /** Nats per token; null for a visitor's text. */
  readonly entropyFloor: number | null;
  /** A few words of a visitor's text. */
  readonly beginning: string | null;
  readonly layers: number;
  readonly heads: number;
  readonly settings: TrainSettings;
  /** Steps done before, by a run that goes on. */
  readonly first: number;
  readonly before: readonly Point[];
}

/** What the model makes of a text's last T tokens. */
export interface Looked {
  readonly step: number;
  readonly ids: readonly number[];
  /** [T, V] */
  readonly logits: Float32Array;
  /** [layers, heads, T, T] */
  readonly attention: Float32Array;
}

export type Report =
  | { type: 'facts'; facts: Facts }
  /** `memory`: bytes that the run holds on the GPU. */
  | {
      type: 'progress';
      progress: TrainProgress;
      points: readonly Point[];
      bitsPerByte: number | null;
      memory: number;
    }
  | { type: 'merges'; merges: readonly Merge[] }
  | { type: 'tuning'; done: number; total: number }
  | { type: 'sample'; step: number; prompt: string; text: string; sampling: Sampling }
  | { type: 'looked'; looked: Looked }
  /** Why there is nothing to see: a character that the model does not know. */
  | { type: 'unlooked'; reason: string };
