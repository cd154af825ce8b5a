// Learning rates as functions of the step, counted from 0. Nothing is remembered: a resumed run needs only its step.

import { ConfigError } from '../errors.ts';

export type Schedule = (step: number) => number;

/** The same at every step. */
export function constant(lr: number): Schedule {
  return () => lr;
}

/** From `from` at step 0 straight to `to` at step `steps`, and `to` from there on. */
export function linear({ from, to, steps }: { from: number; to: number; steps: number }): Schedule {
  if (!(steps > 0)) throw new ConfigError(`linear: steps is ${steps}, expected more than 0`);
  return (step) => from + (to - from) * Math.min(1, step / steps);
}

export interface CosineOptions {
  /** The highest learning rate. */
  readonly lr: number;
  /** Where it ends. Default lr / 10, as nanoGPT. */
  readonly minLr?: number;
  /** Steps of linear warm-up, lr (step + 1) / (warmupSteps + 1). Default 0. */
  readonly warmupSteps?: number;
  /** The step at which minLr is reached. */
  readonly decaySteps: number;
}

/** Linear warm-up, half a cosine from lr down to minLr, then minLr: nanoGPT's schedule. */
export function cosine({
  lr,
  minLr = lr / 10,
  warmupSteps = 0,
  decaySteps,
}: CosineOptions): Schedule {
  if (!(warmupSteps >= 0 && decaySteps > warmupSteps)) {
    throw new ConfigError(
      `cosine: decaySteps is ${decaySteps} and warmupSteps ${warmupSteps}; expected 0 <= warmupSteps < decaySteps`,
    );
  }
  return (step) => {
    if (step < warmupSteps) return (lr * (step + 1)) / (warmupSteps + 1);
    const progress = Math.min(1, (step - warmupSteps) / (decaySteps - warmupSteps));
    return minLr + 0.5 * (1 + Math.cos(Math.PI * progress)) * (lr - minLr);
  };
}
