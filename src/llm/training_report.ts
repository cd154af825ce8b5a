// report.html of a language-model run: the curves, the floor under the loss, samples, settings.

import { columnOf, type MetricRecord } from '../io/metrics.ts';
import { type PlotLibrary, type Report, renderReport } from '../io/report.ts';
import { tokenUnit } from './data.ts';
import type { TrainResult } from './train.ts';

/** The page's text. `metrics` are the run's lines of metrics.jsonl. */
export function trainingReport(
  result: TrainResult,
  metrics: readonly MetricRecord[],
  plots: PlotLibrary,
): Promise<string> {
  const { data, settings, steps, parameters, seconds, tokensPerSecond, adapter } = result;
  const { bestValLoss, perplexity, bitsPerByte } = result;
  const floor = data.entropyFloor;
  const unit = `nats per ${tokenUnit(data)}`;
  const validation = columnOf(metrics, 'validationLoss');
  const report: Report = {
    title: `Language model on ${data.name}`,
    subtitle: `${parameters.toLocaleString('en')} parameters, ${steps.toLocaleString('en')} steps`,
    summary: [
      ['best validation loss', `${bestValLoss?.toFixed(4) ?? 'none'} ${unit}`],
      ...figure('perplexity', perplexity?.toFixed(3)),
      ...figure('bits per byte', bitsPerByte?.toFixed(4)),
      ...figure(
        'entropy of the source',
        floor === null ? undefined : `${floor.toFixed(4)} ${unit}`,
      ),
      ['a uniform guess', `${Math.log(data.tokenizer.vocabularySize).toFixed(4)} ${unit}`],
      ['time', `${seconds.toFixed(0)} s`],
      ['speed', `${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s`],
      ['adapter', adapter],
      [
        'text',
        `${data.train.length.toLocaleString('en')} ${tokenUnit(data)}s to train on, ${data.validation.length.toLocaleString('en')} held out`,
      ],
    ],
    plots: [
      {
        title: 'Loss',
        xLabel: 'step',
        yLabel: unit,
        series: [
          { label: 'training', ...smooth(columnOf(metrics, 'loss')) },
          { label: 'validation', ...validation },
        ],
        lines: floor === null ? [] : [{ label: 'entropy of the source', y: floor }],
      },
      {
        title: 'Learning rate',
        xLabel: 'step',
        yLabel: 'per step',
        series: [{ label: 'learning rate', ...columnOf(metrics, 'learningRate') }],
      },
      {
        title: 'Speed',
        xLabel: 'step',
        yLabel: 'tokens/s',
        series: [{ label: 'tokens/s', ...columnOf(metrics, 'tokensPerSecond') }],
      },
    ],
    samples: result.samples.map((text, i) => ({
      title: `Sample ${i + 1} at temperature ${settings.temperature}`,
      text,
    })),
    settings,
  };
  return renderReport(report, plots);
}

/** A line of the summary; none where there is no such figure. */
function figure(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]];
}

interface Curve {
  readonly x: number[];
  readonly y: number[];
}

/** The mean over a sliding hundredth of the run: single batches are noisy. */
function smooth({ x, y }: Curve): Curve {
  const width = Math.max(1, Math.round(y.length / 100));
  const means: number[] = [];
  let sum = 0;
  for (const [i, value] of y.entries()) {
    sum += value - (y[i - width] ?? 0);
    means.push(sum / Math.min(i + 1, width));
  }
  return { x, y: means };
}
