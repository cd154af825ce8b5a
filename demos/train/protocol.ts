// What the page and its worker say to each other. A worker does one run: ending it frees all that the run held.

import type { TrainProgress, TrainSettings } from '../../src/llm/index.ts';

export interface Source {
  readonly name: string;
  readonly bytes: ArrayBuffer;
}

export type Command =
  /** Trains from the beginning; `text` null takes the built-in stories. */
  | { type: 'start'; text: Source | null; settings: Partial<TrainSettings> }
  /** Holds the run at its next report. */
  | { type: 'pause' }
  | { type: 'resume' }
  /** Ends the run after the current steps; the model stays. */
  | { type: 'stop' }
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
  | { type: 'adapter'; name: string; software: boolean; notice: string | null }
  | { type: 'facts'; facts: Facts }
  | { type: 'progress'; progress: TrainProgress }
  | { type: 'paused' }
  | { type: 'tuning'; done: number; total: number }
  /** Of `total` classes of shapes, how many take another kernel than before. */
  | { type: 'tuned'; changed: number; total: number }
  | { type: 'sample'; step: number; prompt: string; text: string }
  | { type: 'done'; stopped: boolean; step: number; seconds: number }
  /** `during` 'writing' leaves the model and a paused run as they are. */
  | { type: 'error'; during: Activity; message: string };

export type Activity = 'opening' | 'training' | 'tuning' | 'writing';
