// One way to fail: the first GPU error rejects the next awaited call, later ones become its cause, and a lost device
// rejects every pending and later call.

import type { DeviceLostError, ShadegradError } from '../errors.ts';

/** A lost device makes calls fail in their own words a moment before its loss is told. */
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
      this.waiting.add(reject);
      const settled = (finish: () => void) => {
        this.waiting.delete(reject);
        const failure = this.lost ?? this.first;
        this.first = this.last = null;
        if (failure) reject(failure);
        else finish();
      };
      work.then(
        (value) => settled(() => resolve(value)),
        (error) => setTimeout(() => settled(() => reject(error)), GRACE_MILLISECONDS),
      );
    });
  }
}
