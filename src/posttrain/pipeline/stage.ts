// A stage of the pipeline: what it makes lies in a folder of its own, and its result says what became better.

import type { Folder } from '../../io/folder.ts';
import type { Device } from '../../ops/device.ts';
import type { PipelineSettings } from './settings.ts';

export type StageName =
  | 'tokenizer'
  | 'pretrain'
  | 'finetune'
  | 'preferences'
  | 'reward'
  | 'rlhf'
  | 'verifiable';

/** What a stage is to improve, on data that it has not learned from. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
  /** Half the 95 % interval of `after`, where there is one. */
  readonly margin?: number;
  readonly better: 'higher' | 'lower';
  /** The best or the least that there can be, and what that is. */
  readonly bound?: { readonly value: number; readonly what: string };
}

export interface Curve {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly {
    readonly label: string;
    readonly x: readonly number[];
    readonly y: readonly number[];
  }[];
}

export interface SamplePair {
  readonly title: string;
  readonly text: string;
}

export interface StageResult {
  /** The first is the stage's own: `improved` tells of it. */
  readonly figures: readonly Figure[];
  readonly curves?: readonly Curve[];
  readonly samples?: readonly SamplePair[];
}

export interface StageContext {
  readonly device: Device;
  readonly settings: PipelineSettings;
  /** The stage's own. */
  readonly folder: Folder;
  /** Of another stage that is done. */
  folderOf(stage: StageName): Folder;
  /** Whether the stage was begun before, and has a checkpoint to go on from. */
  readonly resume: boolean;
  /** Aborted when the pipeline is to stop; a stage that saves checkpoints saves one. */
  readonly signal: AbortSignal;
  /** How much of the stage is done, in [0, 1], and a line about it. */
  onProgress(done: number, line?: string): void;
}

export interface Stage {
  readonly name: StageName;
  /** One line for a person. */
  readonly about: string;
  /** Where it keeps the checkpoints that it goes on from: among its results, or, the default, apart in `unfinished`. */
  readonly checkpointsIn?: 'results';
  /** Stages whose folders it reads. */
  readonly needs: readonly StageName[];
  /** @throws signal's reason when it is stopped */
  run(context: StageContext): Promise<StageResult>;
}

export function improved({ before, after, better }: Figure): boolean {
  return better === 'higher' ? after > before : after < before;
}
