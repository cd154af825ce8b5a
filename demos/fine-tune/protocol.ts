// What the page and its worker say to each other besides what every page's do.

import type { FinetuneSettings } from '../../src/llm/finetune_settings.ts';
import type { HuggingFaceSummary } from '../../src/llm/hugging_face_summary.ts';
import type { TrainProgress } from '../../src/llm/index.ts';
import type { Dropped } from '../shared/dropped_folder.ts';
import type { SavedAt } from '../shared/protocol.ts';
import type { SavedLoss } from '../shared/saved_losses.ts';
import type { PackedBlob } from '../shared/tar.ts';
import type { Choices } from './settings.ts';

export interface Source {
  readonly name: string;
  readonly text: string;
}

export type Command =
  /** Says what a model is, by its headers. */
  | { type: 'describe'; model: Dropped }
  /** Tunes; `model` null takes the tiny one, `data` null the questions that go with it. */
  | ({ type: 'start'; model: Dropped | null; data: Source | null; choices: Choices } & SavedAt)
  /** Continues a prompt without and with the adapter. */
  | { type: 'answer'; prompt: string };

export interface Answer {
  readonly prompt: string;
  /** What the data says; null for a visitor's prompt. */
  readonly expected: string | null;
  readonly text: string;
}

export type Report =
  | { type: 'model'; name: string; summary: HuggingFaceSummary }
  | { type: 'making'; step: number; steps: number }
  /** The tiny model, to take away. */
  | { type: 'made'; files: readonly PackedBlob[] }
  | {
      type: 'begun';
      steps: number;
      first: number;
      trained: number;
      examples: number;
      heldOut: number;
      /** Held-out loss before. */
      loss: number | null;
      settings: FinetuneSettings;
      before: readonly SavedLoss[];
    }
  | { type: 'progress'; progress: TrainProgress; memory: number }
  | { type: 'answers'; when: 'before' | 'after'; answers: readonly Answer[] }
  | { type: 'compared'; prompt: string; before: string; after: string }
  /** The adapter, to take away. */
  | { type: 'tuned'; files: readonly PackedBlob[] };
