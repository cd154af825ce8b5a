// What every page and its worker say to each other; a page adds its own commands and reports.

/** How fast a run goes: turns a second, or null for as fast as it can. */
export type Speed = number | null;

export type RunCommand =
  /** Holds the run at its next turn. */
  | { type: 'pause' }
  | { type: 'resume' }
  /** One turn, then a pause again. */
  | { type: 'step' }
  | { type: 'speed'; perSecond: Speed }
  /** Ends the run after the turn under way; what it made stays. */
  | { type: 'stop' };

/** The folder of a run in the browser's storage; null where it is not kept. */
export interface SavedAt {
  readonly folder: string | null;
  /** The folder's run goes on from its last checkpoint. */
  readonly resume: boolean;
}

export interface Adapter {
  readonly name: string;
  readonly software: boolean;
  /** Why it is a software one, and what to do about it. */
  readonly notice: string | null;
}

export type RunReport =
  | { type: 'adapter'; adapter: Adapter }
  /** Turns follow each other. */
  | { type: 'running' }
  | { type: 'paused' }
  /** A run, or what was asked of the worker beside one, has come to its end. */
  | { type: 'ended'; status: string }
  /** A line that is no failure: what is no longer saved, what was passed over. */
  | { type: 'note'; line: string }
  | { type: 'lost'; message: string }
  /** `opening`: there is no GPU, so nothing can be done. */
  | { type: 'error'; opening: boolean; message: string };
