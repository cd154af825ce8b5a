// A captured step: a function that ran once, and whose dispatches run again at each call.

import { CaptureError } from '../errors.ts';
import { scope } from '../tensor/scope.ts';
import type { Runtime } from '../tensor/tensor.ts';

/** Each call runs the captured function again and returns `result`, in which the tensors hold the new values. */
export interface CapturedStep<T> {
  (): T;
  /** What the function returned when it was captured: tensors that each call overwrites. */
  readonly result: T;
  /** Gives back the memory that the function used. It cannot be called any more; results stay what they are. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** @throws CaptureError when a replay would not do what the function does. */
export function captureStep<T>(runtime: Runtime, fn: () => T): CapturedStep<T> {
  let result!: T;
  const capture = runtime.gpu.capture(() => {
    result = scope(() => synchronous(runtime, fn()));
  });
  let disposed = false;
  const step = () => {
    if (disposed) throw new CaptureError('a captured step was called after its dispose()');
    capture.replay();
    return result;
  };
  const dispose = () => {
    disposed = true;
    capture.dispose();
  };
  return Object.assign(step, { result, dispose, [Symbol.dispose]: dispose });
}

function synchronous<T>(runtime: Runtime, result: T): T {
  if (result instanceof Promise) {
    result.catch(() => {}); // what it rejects with does not matter any more
    runtime.gpu.notInCapture('it is asynchronous; await before the step or after it');
  }
  return result;
}
