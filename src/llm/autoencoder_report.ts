// report.html of the autoencoder experiment: test errors by number of labels, and what the stack restores.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type {
  AutoencoderResults,
  AutoencoderSettings,
  LabelRun,
  LabelRuns,
  Start,
} from './autoencoder_experiment.ts';

/** A start with its learning rate. */
export interface StartSummary extends MeanInterval {
  readonly learningRate: number;
  /** Shares of test images, by seed. */
  readonly errors: readonly number[];
}

export interface LabelSummary {
  readonly labels: number;
  readonly scratch: StartSummary;
  readonly pretrained: StartSummary;
  /** Error from scratch less error from the stack, of the same seed and labels. */
  readonly gain: MeanInterval;
}

/** The errors by number of labels, each start with the rate that is best on the validation images. */
export function summarise(
  { cells }: AutoencoderResults,
  { labels, learningRates }: AutoencoderSettings,
): LabelSummary[] {
  return labels.map((count) => {
    const own = cells.filter((cell) => cell.labels === count);
    const [scratch, pretrained] = [
      chosen(own, 'scratch', learningRates),
      chosen(own, 'pretrained', learningRates),
    ];
    const gain = meanInterval(scratch.errors.map((error, i) => error - pretrained.errors[i]!));
    return { labels: count, scratch, pretrained, gain };
  });
}

function chosen(
  cells: readonly LabelRuns[],
  start: Start,
  learningRates: readonly number[],
): StartSummary {
  const each = learningRates.map((learningRate) => {
    const runs = cells.map(({ runs }) => runOf(runs, start, learningRate));
    const errors = runs.map(({ test }) => test);
    const validation = runs.reduce((sum, run) => sum + run.validation, 0);
    return { validation, learningRate, errors, ...meanInterval(errors) };
  });
  const { validation: _, ...best } = each.reduce((a, b) => (b.validation < a.validation ? b : a));
  return best;
}

const runOf = (runs: readonly LabelRun[], start: Start, learningRate: number): LabelRun =>
  runs.find((run) => run.start === start && run.learningRate === learningRate)!;

export function autoencoderReport(
  results: AutoencoderResults,
  settings: AutoencoderSettings,
): Omit<Report, 'settings'> {
  const summary = summarise(results, settings);
  const x = summary.map(({ labels }) => labels);
  const curves = (label: string, of: (each: LabelSummary) => MeanInterval) => [
    ...[-1, 1].map((side) => ({
      label: `${label}, ${side < 0 ? 'from' : 'to'}`,
      x,
      y: summary.map((each) => 100 * (of(each).mean + side * of(each).margin)),
      faint: true,
    })),
    { label, x, y: summary.map((each) => 100 * of(each).mean) },
  ];
  return {
    title: 'Autoencoders first, then a few labels',
    subtitle: `MNIST's test images, ${settings.hidden.length} hidden layers: pre-trained layer by layer on images without labels, or from scratch`,
    summary: [
      ...summary.map(({ labels, scratch, pretrained }): [string, string] => [
        `${labels} labels`,
        `${percent(pretrained.mean)} % wrong, from scratch ${percent(scratch.mean)} %`,
      ]),
      ['seeds', settings.seeds.length],
    ],
    plots: [
      {
        title: 'Test error against labels',
        xLabel: 'labels',
        yLabel: '% of test images mistaken; mean and its 95 % interval',
        logX: true,
        series: [
          ...curves('from scratch', ({ scratch }) => scratch),
          ...curves('pre-trained', ({ pretrained }) => pretrained),
        ],
      },
      {
        title: 'Gain',
        xLabel: 'labels',
        yLabel:
          '% of test images, from scratch less pre-trained of the same seed; mean and its 95 % interval',
        logX: true,
        fromZero: true,
        series: curves('gain', ({ gain }) => gain),
      },
    ],
    tables: [
      {
        title: 'Errors, %',
        columns: ['labels', 'start', 'learning rate', 'mean', '95 %', 'by seed'],
        rows: summary.flatMap(({ labels, scratch, pretrained }) =>
          [scratch, pretrained].map(({ learningRate, mean, margin, errors }, i) => [
            labels,
            i === 0 ? 'scratch' : 'pre-trained',
            learningRate,
            ...intervalOf({ mean, margin }),
            errors.map(percent).join(' '),
          ]),
        ),
      },
      {
        title: 'Gain: error from scratch less error after pre-training, by pairs of one seed, %',
        columns: ['labels', 'mean', '95 %'],
        rows: summary.map(({ labels, gain }) => [labels, ...intervalOf(gain)]),
      },
      {
        title: 'Squared error per image of what each layer restores, first step and last tenth',
        columns: ['seed', ...settings.hidden.map((_, layer) => `layer ${layer + 1}`)],
        rows: results.stacks.map(({ seed, losses }) => [
          seed,
          ...losses.map(({ first, last }) => `${first.toFixed(1)} to ${last.toFixed(2)}`),
        ]),
      },
    ],
    samples: results.stacks.slice(0, 1).flatMap(({ seed, shown, side }) =>
      shown.map(({ image, restored }, i) => ({
        title: `Validation image ${i + 1}, and what the stack of seed ${seed} makes of its code`,
        text: drawn([image, restored], side),
      })),
    ),
    notes: [
      'The learning rate of each row is the one with the lowest mean error on validation images, among those in the settings.',
    ],
  };
}

/** In percent: the mean, and the half of its interval, where there is one. */
export function intervalOf({ mean, margin }: MeanInterval): [mean: string, margin: string] {
  return [percent(mean), Number.isNaN(margin) ? '' : `± ${percent(margin)}`];
}

const percent = (share: number) => (100 * share).toFixed(2);

const SHADES = ' .:*#';

/** Images beside each other, in characters. */
function drawn(images: readonly (readonly number[])[], side: number): string {
  const line = (y: number) =>
    images
      .map((image) =>
        image
          .slice(y * side, (y + 1) * side)
          .map(shade)
          .join(''),
      )
      .join('  ');
  return Array.from({ length: side }, (_, y) => line(y)).join('\n');
}

/** Twice, as characters are half as wide as high. */
const shade = (value: number) => SHADES[Math.max(0, Math.min(4, Math.round(4 * value)))]!.repeat(2);
