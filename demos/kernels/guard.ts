// A kernel that never ends is ended by some drivers, and by others not: after some seconds without an answer the device is
// given up, so that the page hears of it.

import type { Clock } from '../../bench/measure.ts';
import { type Device, DeviceLostError } from '../../src/index.ts';

export class Guard {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private fired = false;

  constructor(
    private readonly device: Device,
    private readonly seconds: number,
  ) {}

  /** From now on an answer is waited for. */
  arm(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.fired = true;
      this.device.destroy();
    }, 1000 * this.seconds);
  }

  disarm(): void {
    clearTimeout(this.timer);
  }

  /** The clock, with each of its samples guarded. */
  watch({ source, time }: Clock): Clock {
    return {
      source,
      time: async (device, record) => {
        this.arm();
        try {
          return await time(device, record);
        } finally {
          this.disarm();
        }
      },
    };
  }

  /** The loss of the device in words that say whose it was. */
  explained(error: unknown): unknown {
    if (!this.fired || !(error instanceof DeviceLostError)) return error;
    return new DeviceLostError(
      `The GPU did not answer for ${this.seconds} s, so it was given up: either the kernel does not end, or it takes longer than you want to wait (Give up after).`,
    );
  }
}
