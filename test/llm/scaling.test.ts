// The scaling experiment: what it trains and what it keeps; and the runs in bench/results, fitted again.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runScaling, type ScalingResult } from '../../src/llm/scaling.ts';
import { analyse } from '../../src/llm/scaling_analysis.ts';
import { fitPowerLaw } from '../../src/llm/scaling_fit.ts';
import { Device } from '../../src/ops/device.ts';
import { markovChain, markovFloor } from '../../src/text/markov.ts';

const TINY = {
  symbols: 8,
  characters: 4000,
  heldOutCharacters: 512,
  widths: [4, 8],
  steps: [4, 8, 12],
  heldOutWidth: 12,
  context: 8,
  batch: 2,
  replicates: 5,
};

describe('a tiny grid', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ announce: null });
  });
  afterAll(() => device.destroy());

  const withoutTimes = ({ cells }: ScalingResult) => cells.map(({ seconds, ...rest }) => rest);

  test('is the same on every run, counts its steps, and gives its models back', async () => {
    const seen: number[] = [];
    const run = (options = {}) => runScaling(device, { settings: TINY, ...options });
    const first = await run({
      onProgress: ({ step, steps }: { step: number; steps: number }) => {
        expect(steps).toBe(2 * (4 + 8 + 12) + 12);
        seen.push(step);
      },
    });
    expect(seen.at(-1)).toBe(60);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(first.cells.map(({ width, tokens }) => [width, tokens])).toEqual([
      [4, 64],
      [4, 128],
      [4, 192],
      [8, 64],
      [8, 128],
      [8, 192],
      [12, 192],
    ]);
    const { bytesInUse, tensors } = device.memory();
    const second = await run();
    expect(withoutTimes(second)).toEqual(withoutTimes(first));
    expect(device.memory()).toMatchObject({ bytesInUse, tensors });
  });

  test('that is stopped has the models trained so far and no law', async () => {
    const controller = new AbortController();
    const result = await runScaling(device, {
      settings: TINY,
      signal: controller.signal,
      onCell: ({ steps }) => steps === 8 && controller.abort(),
    });
    expect(result.cells).toHaveLength(2);
    expect(result.analysis).toBeNull();
  });
});

describe.each(['scaling-small', 'scaling-small-seed-2'])('the kept run %s', (name) => {
  const kept: ScalingResult = JSON.parse(readFileSync(`bench/results/${name}.json`, 'utf8'));
  const { settings, cells, truth } = kept;
  const [grid, larger] = [cells.slice(0, -1), cells.at(-1)!];
  const analysis = analyse(grid, larger, settings);

  test('has the entropy of its source', () => {
    expect(truth).toBeCloseTo(markovFloor(markovChain(settings), settings.context), 12);
  });

  test('G5: puts E within 3 % of the entropy of the source, by both methods, and the truth in its interval', () => {
    expect(analysis).toEqual(kept.analysis);
    expect(Math.abs(analysis.law.E / truth - 1)).toBeLessThan(0.03);
    expect(Math.abs(analysis.variableProjection.E / truth - 1)).toBeLessThan(0.03);
    const [low, high] = analysis.intervals.E;
    expect(low).toBeLessThan(truth);
    expect(high).toBeGreaterThan(truth);
  });

  test('G5: predicts the larger model, and E, from losses that are all further from it', () => {
    expect(analysis.heldOut.inside).toBe(true);
    const lowest = Math.min(...grid.map(({ loss }) => loss));
    expect(lowest).toBeGreaterThan(1.03 * truth);
  });

  test('is not predicted by a power law in compute, which has no E', () => {
    const flops = grid.map(({ parameters, tokens }) => parameters * tokens);
    const best = grid.filter((cell, i) => {
      return grid.every((other, j) => flops[j]! > flops[i]! || other.loss >= cell.loss);
    });
    const { a, k } = fitPowerLaw(
      best.map(({ parameters, tokens }) => parameters * tokens),
      best.map(({ loss }) => loss),
    );
    const [low] = analysis.heldOut.interval;
    expect(a * (larger.parameters * larger.tokens) ** k).toBeLessThan(low);
  });
});
