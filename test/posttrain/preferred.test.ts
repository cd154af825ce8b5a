// Which model is preferred, at the smallest size: every kind is trained, compared and shown.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { PREFERRED_DEFAULTS, preferredExperiment } from '../../src/posttrain/preferred.ts';
import { KINDS, preferredReport, summarise } from '../../src/posttrain/preferred_report.ts';
import { device } from '../device.ts';

test('I7: base, fine-tuned and preference-tuned models meet one opponent, which does not beat itself', async () => {
  const settings = {
    ...PREFERRED_DEFAULTS,
    ...{ seeds: [1], widths: [16], layers: 1, baseSteps: 2, demonstrations: 8, tuneSteps: 3 },
    ...{ labels: 12, dpoEpochs: 1, batch: 4, prompts: 8 },
  };
  const names: string[] = [];
  const { result } = await runExperiment(device, preferredExperiment, {
    settings,
    onProgress: ({ name }) => names.push(name),
  });
  expect(names).toHaveLength(preferredExperiment.count(settings));
  const { models } = result!;
  expect(models.map(({ kind }) => kind)).toEqual(KINDS);
  const [base, tuned] = models;
  expect(tuned!.winRate.rate).toBe(0.5);
  expect(base!.winRate.rate).not.toBe(0.5);
  const summary = summarise(result!, settings);
  expect(summary.map(({ rate }) => rate)).toEqual(models.map(({ winRate }) => winRate.rate));
  expect(preferredReport(result!, settings).plots[0]!.series).toHaveLength(KINDS.length);
});
