// Learning from verifiable rewards at a size of seconds; the full experiments are in bench/results/.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import {
  type VerifiableResult,
  verifiableExperiment,
} from '../../src/posttrain/verifiable_experiment.ts';
import { verifiableCurves, verifiableReport } from '../../src/posttrain/verifiable_report.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { withSlip } from '../../src/text/slips.ts';
import { device } from '../device.ts';

test.each(['arithmetic', 'words'])(
  'I13 %s: warmed up on solved tasks, learned from its own answers, watched by pass@k',
  async (task) => {
    const settings = {
      ...{ task, layers: 1, heads: 2, width: 16, solvedTasks: 100, warmSteps: 20, tasks: 100 },
      ...{
        iterations: 3,
        prompts: 4,
        groupSize: 4,
        evaluateEvery: 2,
        heldOut: 5,
        attempts: 4,
        seeds: [1],
      },
    };
    const { result, settings: all } = await runExperiment(device, verifiableExperiment, {
      settings,
    });
    const [{ points, longer, samples }] = result!.results as unknown as [VerifiableResult];
    expect(points.map(({ iteration }) => iteration)).toEqual([0, 2, 3]);
    expect(longer.map(({ iteration }) => iteration)).toEqual([0, 3]);
    expect(Object.keys(points[0]!.pass)).toEqual(['1', '4']);
    expect(samples).toHaveLength(5);
    const { heldOut } = verifiableCurves(result!);
    expect(heldOut.map(({ label }) => label)).toEqual(['pass@1', 'pass@4', 'majority of 4']);
    expect(verifiableReport(result!, all).plots[0]!.series).toHaveLength(4);
  },
);

test('a slip changes one sign, digits and signs before letters', () => {
  const random = randomStream(1);
  for (const text of ['132', '6x+cos(2x)', ' AC', ' 8 - 3 = 5. The answer is 5.']) {
    for (let i = 0; i < 50; i++) {
      const slipped = withSlip(text, random);
      const changed = [...text].filter((sign, at) => sign !== slipped[at]);
      expect(changed).toHaveLength(1);
      expect(changed[0]).toMatch(text === ' AC' ? /[A-F]/ : /[-+\d]/);
    }
  }
  expect(withSlip('none', random)).toBe('none');
});

/** What was run with the committed code; see `shadegrad verifiable`. */
test.each([
  ['verifiable', 30],
  ['derivatives', 20],
])(
  'I11 I13 the kept run %s: pass@1 rises by %d points or more, the majority is above it, with every seed',
  (name, points) => {
    const kept = JSON.parse(readFileSync(`bench/results/${name}.json`, 'utf8'));
    const results: readonly VerifiableResult[] = kept.results;
    expect(results).toHaveLength(3);
    for (const { points: along } of results) {
      const [first, last] = [along[0]!, along.at(-1)!];
      expect(100 * (last.pass[1]!.mean - first.pass[1]!.mean)).toBeGreaterThanOrEqual(points);
      expect(last.majority.mean).toBeGreaterThan(last.pass[1]!.mean);
    }
  },
);
