// Training as a whole, whatever is trained: steps, reports, evaluations, and checkpoints from which it continues bit for bit.

import type { HostTensor } from '../io/host_tensor.ts';
import type { RunLog } from './run_log.ts';
import { reports, type Steps } from './steps.ts';

/** What was measured on the held-out part. */
export interface Measured {
  /** In nats, per token that counts; of preferences, per pair. */
  readonly loss: number;
  /** What else there is to know, for the log. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** After `step` steps. */
export interface Evaluation extends Measured {
  readonly step: number;
}

export interface TrainProgress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  /** Training losses of the steps since the last report, in nats per token; the last is that of `step`. */
  readonly losses: readonly number[];
  /** Of the last of these steps. */
  readonly learningRate: number;
  /** Positions, padding included. */
  readonly tokensPerSecond: number;
  /** When this step was evaluated on the held-out part. */
  readonly evaluation?: Evaluation;
}

/** What is trained. */
export interface Trained extends Pick<Steps, 'lossesSince'> {
  /** Step number `step`, from 0. Nothing is read back. */
  step(step: number): void;
  learningRate(step: number): number;
  /** Null where nothing is held out. */
  evaluate(): Promise<Measured | null>;
  /** Everything that a checkpoint needs besides the step. */
  state(): Promise<ReadonlyMap<string, HostTensor>>;
}

export interface RunStepsOptions {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Positions of a step. */
  readonly positions: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  /** Most seconds between two checkpoints. Default: the steps alone say when there is one. */
  readonly checkpointSeconds?: number | null;
  readonly logEvery: number;
  /** Where it continues, and what it keeps; null: nothing is kept. */
  readonly run: RunLog | null;
  /** Evaluations of before: the run's own, or that of the beginning. */
  readonly before: readonly Evaluation[];
  /** Whether the lowest held-out loss so far is a reason for a checkpoint. */
  readonly savesBest: boolean;
  readonly onProgress?: ((progress: TrainProgress) => void | Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock: () => number;
}

/** Steps from where the run is to the last, or to the signal. Where it ends, there is a checkpoint. */
export async function runSteps(
  trained: Trained,
  {
    run,
    steps,
    positions,
    before,
    savesBest,
    onProgress,
    signal,
    clock,
    ...every
  }: RunStepsOptions,
): Promise<{ step: number; evaluations: readonly Evaluation[] }> {
  const evaluations = [...before];
  let step = run?.checkpoint?.step ?? 0;
  let saved = run?.checkpoint?.step ?? -1;
  let savedAt = clock();
  const save = async (best: boolean) => {
    await run?.save({ step, tensors: await trained.state(), evaluations, best });
    saved = step;
    savedAt = clock();
  };
  const evaluates = (step: number) => step % every.evaluateEvery === 0 || step === steps;
  const checkpoints = (step: number) => step % every.checkpointEvery === 0 || step === steps;
  const mostSeconds = every.checkpointSeconds ?? Number.POSITIVE_INFINITY;
  const isDue = () => (clock() - savedAt) / 1000 >= mostSeconds;

  for await (const report of reports(trained, (step) => trained.step(step), {
    from: step,
    to: steps,
    every: every.logEvery,
    at: (step) => evaluates(step) || checkpoints(step),
    signal,
    clock,
  })) {
    step = report.step;
    const { losses, milliseconds } = report;
    const measured = evaluates(step) ? await trained.evaluate() : null;
    const evaluation = measured ? { step, ...measured } : undefined;
    const progress = {
      step,
      steps,
      losses,
      learningRate: trained.learningRate(step - 1),
      tokensPerSecond: (positions * 1000) / milliseconds,
      ...(evaluation && { evaluation }),
    };
    const best =
      savesBest &&
      evaluation !== undefined &&
      evaluations.every((each) => evaluation.loss < each.loss);
    if (evaluation) evaluations.push(evaluation);
    await run?.log(progress);
    if (run && (checkpoints(step) || best || isDue())) await save(best);
    await onProgress?.(progress);
  }
  if (run && saved < step) await save(false);
  return { step, evaluations };
}
