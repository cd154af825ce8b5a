// What a page with a run can be doing, and what its bar offers then.

import type { Button } from './bar.ts';

/** `go` is the first button's label, null where it stays; `can` lists the buttons that do something. */
export const PHASES = {
  opening: { status: 'Looking for a GPU…', go: 'Start', can: [] },
  unavailable: { status: 'Nothing can run without WebGPU.', go: 'Start', can: [] },
  ready: { status: 'Ready.', go: 'Start', can: ['go', 'step', 'reset'] },
  preparing: { status: 'Compiling kernels…', go: 'Pause', can: ['stop', 'reset'] },
  running: { status: 'Running.', go: 'Pause', can: ['go', 'stop', 'reset'] },
  pausing: { status: 'Pausing after this step…', go: null, can: ['stop', 'reset'] },
  paused: { status: 'Paused.', go: 'Continue', can: ['go', 'step', 'stop', 'reset'] },
  stopping: { status: 'Stopping after this step…', go: null, can: ['reset'] },
  busy: { status: 'Working…', go: null, can: ['reset'] },
  ended: { status: 'Done.', go: 'Start again', can: ['go', 'reset'] },
  lost: { status: 'The GPU was lost.', go: 'Continue', can: ['go', 'reset'] },
  failed: { status: 'Ended by an error.', go: 'Start again', can: ['go', 'reset'] },
} as const satisfies Record<string, { status: string; go: string | null; can: readonly Button[] }>;

/** The buttons follow from it. */
export type Phase = keyof typeof PHASES;

const among =
  (...phases: readonly Phase[]) =>
  (phase: Phase): boolean =>
    phases.includes(phase);

/** Whether the settings may be changed. */
export const isOpen = among('ready', 'ended', 'failed');
/** Whether a run takes turns, so that a hidden tab must hold it. */
export const isTurning = among('preparing', 'running');
/** Whether a run rests: what is kept of it may have changed. */
export const isResting = among('paused', 'ended', 'failed', 'lost');
