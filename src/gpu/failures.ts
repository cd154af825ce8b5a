// One way to fail: the first GPU error rejects the next awaited call, later ones become its cause, and a lost device
// rejects every pending and later call.

import type { DeviceLostError, ShadegradError } from '../errors.ts';

/**
 * A lost device makes calls fail in their own words before its loss is told: a moment, or, where a browser's GPU process
 * compiles kernels, as long as that takes. Nothing but a loss aborts a mapping of ours.
 */
const ABORTED_MILLISECONDS = 20_000;
const GRACE_MILLISECONDS = 50;

export class Failures {
  private first: ShadegradError | null = null;
  private last: ShadegradError | null = null;
  private lost: DeviceLostError | null = null;
  private readonly waiting = new Set<(error: unknown) => void>();

  /** Notes an error for the next awaited call. */
  record(error: ShadegradError): void {
    if (this.last) this.last.cause = error;
    this.first ??= error;
    this.last = error;
  }

  /** Rejects whoever waits, and all who come. */
  lose(error: DeviceLostError): void {
    this.lost ??= error;
    for (const reject of this.waiting) reject(this.lost);
    this.waiting.clear();
  }

  /** @throws DeviceLostError once the device is gone. */
  checkAlive(): void {
    if (this.lost) throw this.lost;
  }

  /** Waits for `work`, and rejects with what went wrong on the GPU in the meantime. */
  settle<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout>;
      const fail = (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      };
      this.waiting.add(fail);
      const settled = (finish: () => void) => {
        this.waiting.delete(fail);
        const failure = this.lost ?? this.first;
        this.first = this.last = null;
        if (failure) reject(failure);
        else finish();
      };
      work.then(
        (value) => settled(() => resolve(value)),
        (error) => {
          const grace = error.name === 'AbortError' ? ABORTED_MILLISECONDS : GRACE_MILLISECONDS;
          timer = setTimeout(() => settled(() => reject(error)), grace);
        },
      );
    });
  }
}
