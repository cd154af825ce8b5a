import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  barLine,
  formatDuration,
  formatLoss,
  formatRate,
  timeLeftEstimate,
  trainingProgress,
} from '../../src/cli/progress.ts';

/** A stream that keeps what is written; a terminal of 100 columns if asked. */
function recorder({ isTTY = false } = {}) {
  const stream = Object.assign(new PassThrough(), isTTY ? { isTTY, columns: 100 } : {});
  let written = '';
  stream.on('data', (chunk) => {
    written += chunk;
  });
  return { stream, text: () => written, lines: () => written.split('\n').slice(0, -1) };
}

describe('time left', () => {
  it('is exact at a steady pace', () => {
    const left = timeLeftEstimate(100, 0, 0);
    for (let step = 1; step <= 100; step++) {
      expect(left(step, step * 250)).toBeCloseTo((100 - step) * 0.25, 9);
    }
  });

  it('forgets the first step, which compiles', () => {
    const left = timeLeftEstimate(1000, 0, 0);
    expect(left(1, 60_000)).toBeCloseTo(999 * 60);
    expect(left(2, 60_100)).toBeCloseTo(998 * 0.1);
  });

  it('is moved little by one slow step, and follows a lasting change', () => {
    const left = timeLeftEstimate(10_000, 0, 0);
    let time = 0;
    for (let step = 1; step <= 1000; step++) left(step, (time += 100));
    const before = left(1001, (time += 100))!;
    const after = left(1002, (time += 10_000))!;
    expect(after / before).toBeLessThan(1.3);
    for (let step = 1003; step <= 4000; step++) left(step, (time += 200));
    expect(left(4001, (time += 200))! / 5999).toBeCloseTo(0.2, 2);
  });

  it('counts a resumed run from where it resumes', () => {
    const left = timeLeftEstimate(1000, 900, 0);
    left(910, 1000);
    expect(left(920, 2000)).toBeCloseTo(8);
  });

  it('is null before the first step, and a repeated step changes nothing', () => {
    const left = timeLeftEstimate(10, 0, 0);
    expect(left(0, 5000)).toBeNull();
    const once = left(1, 6000);
    expect(left(1, 9000)).toBe(once);
  });
});

describe('numbers', () => {
  it.each([
    [2.31415, '2.314'],
    [0.01234, '0.0123'],
    [0, '0.000'],
    [0.00001234, '1.23e-5'],
    [123456.7, '1.23e+5'],
    [-1.5, '-1.500'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '∞'],
  ])('loss %d is shown as %s', (loss, text) => expect(formatLoss(loss)).toBe(text));

  it.each([
    [3.4567, '3.46'],
    [99.9, '100'],
    [950, '950'],
    [999.7, '1.00k'],
    [12_432, '12.4k'],
    [999_900, '1.00M'],
    [1_204_000, '1.20M'],
  ])('rate %d is shown as %s', (rate, text) => expect(formatRate(rate)).toBe(text));

  it.each([
    [0.2, '0s'],
    [59.6, '1:00'],
    [83, '1:23'],
    [3599.7, '1h 00m'],
    [7500, '2h 05m'],
    [273_600, '3d 04h'],
  ])('%d seconds are shown as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe('the bar', () => {
  const shown = { step: 420, total: 1000, loss: 2.3, tokensPerSecond: 12_400, secondsLeft: 83 };

  it('shows steps, loss, rate and time left', () => {
    expect(barLine(shown, 120, false)).toBe(
      '━━━━━━━━━━──────────────  42%    420/1,000  loss 2.300  12.4k tok/s  1:23 left',
    );
  });

  it('fits every width from 30 columns on, dropping whole parts', () => {
    for (let columns = 30; columns <= 120; columns++) {
      const line = barLine(shown, columns, false);
      expect(line.length).toBeLessThan(columns);
      expect(barLine(shown, 120, false).startsWith(line)).toBe(true);
    }
  });

  it('is full, not beyond, when more steps come than were announced or none were', () => {
    expect(barLine({ ...shown, step: 2000 }, 40, false)).toContain('━━ 100%');
    expect(barLine({ ...shown, step: 0, total: 0 }, 40, false)).toContain('100%');
  });

  it('marks a diverged loss', () => {
    expect(barLine({ ...shown, loss: Number.NaN }, 120, true)).toContain('\x1b[31mloss NaN\x1b[0m');
  });
});

describe('in a terminal', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('draws notes above the bar, the last state at the end, and gives cursor and wrapping back', () => {
    vi.stubEnv('NO_COLOR', '1');
    const listeners = process.listenerCount('exit');
    const { stream, text } = recorder({ isTTY: true });
    const progress = trainingProgress({ total: 10, stream });
    progress.update(5, { loss: 2 });
    progress.note('saved');
    progress.update(10, { loss: 1 });
    progress.finish();
    expect(text()).toMatch(/saved\n[^\n]*5\/10 {2}loss 2\.000/);
    expect(text()).toMatch(/10\/10 {2}loss 1\.000[^\n]*\n$/);
    expect(text().lastIndexOf('\x1b[?25h')).toBeGreaterThan(text().lastIndexOf('\x1b[?25l'));
    expect(text().lastIndexOf('\x1b[?7h')).toBeGreaterThan(text().lastIndexOf('\x1b[?7l'));
    expect(process.listenerCount('exit')).toBe(listeners);
  });

  it('prints no control character of a note', () => {
    const { stream, text } = recorder({ isTTY: true });
    const progress = trainingProgress({ total: 10, stream });
    progress.note('a\x1b[2Jb\x9b2Jc\x07\rd\ne');
    progress.finish();
    expect(text()).toContain('a\ufffd[2Jb\ufffd2Jc\ufffd\ufffdd\ne\n');
  });
});

describe('in a log file', () => {
  it('prints a plain line per tenth of the run, and the last state', () => {
    const { stream, lines, text } = recorder();
    const progress = trainingProgress({ total: 1005, stream, now: () => 0 });
    for (let step = 1; step <= 1005; step++) progress.update(step, { loss: 1 });
    progress.finish();
    expect(lines()).toHaveLength(10);
    expect(lines().at(-1)).toBe('100%  1,005/1,005  loss 1.000');
    expect(text()).not.toContain('\x1b');
  });

  it('prints a line per ten seconds where steps are slow', () => {
    const { stream, lines } = recorder();
    let time = 0;
    const progress = trainingProgress({ total: 1000, stream, now: () => time });
    for (let step = 1; step <= 12; step++) {
      time += 2500;
      progress.update(step, { loss: 1, tokensPerSecond: 50 });
    }
    expect(lines()).toEqual([
      '  0%      4/1,000  loss 1.000  50.0 tok/s  41:30 left',
      '  0%      8/1,000  loss 1.000  50.0 tok/s  41:20 left',
      '  1%     12/1,000  loss 1.000  50.0 tok/s  41:10 left',
    ]);
  });
});

describe('with --json', () => {
  it('prints one object a line and nothing else, in a terminal too', () => {
    const { stream, lines } = recorder({ isTTY: true });
    const progress = trainingProgress({ total: 2, json: true, stream });
    progress.update(1, { loss: 2, tokensPerSecond: 10 });
    progress.note('line 1\nline 2 "quoted" \x1b');
    progress.update(2, { loss: Number.NaN });
    progress.finish();
    expect(lines().map((line) => JSON.parse(line))).toEqual([
      { step: 1, total: 2, loss: 2, tokensPerSecond: 10 },
      { note: 'line 1\nline 2 "quoted" \x1b' },
      { step: 2, total: 2, loss: null },
    ]);
  });
});
