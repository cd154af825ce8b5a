// shadegrad classify-compare: a language model as a classifier, in context or fine-tuned.

import type { Command } from 'commander';
import { classifyExperiment } from '../llm/classify_experiment.ts';
import { CLASSIFY_METHODS } from '../llm/classify_methods.ts';
import { crossovers, summariseClassify, summariseOrders } from '../llm/classify_report.ts';
import { addExperiment } from './experiment.ts';

export function addClassifyCompare(program: Command): void {
  addExperiment(program, {
    name: 'classify-compare',
    description: 'a language model as a classifier: in-context learning against fine-tuning',
    about: `Trains base models of several sizes on the same documents, each of lines like "red, 12 cm tall? Yes" under one hidden rule.
Of rules that no document has (one for each seed) they learn from 2 to 128 labelled examples: in the context, by fine-tuning on
the same pattern, and by fine-tuning with a new head. An hour or two on two cores.`,
    examples: [
      [
        'shadegrad classify-compare --set widths=[16] --set baseSteps=200 --set seeds=[1,2]',
        'a small part of it',
      ],
    ],
    presets: {
      small: {},
      gpu: {
        widths: [32, 64, 128, 256],
        layers: 4,
        heads: 4,
        shots: 64,
        baseSteps: 4000,
        baseBatch: 64,
        documents: 65536,
      },
    },
    experiment: classifyExperiment,
    lines: (result, settings) => {
      const summary = summariseClassify(result, settings);
      const { examples, widths } = settings;
      const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
      return [
        ['examples', ...examples].join('\t'),
        ...widths.flatMap((width) =>
          CLASSIFY_METHODS.map((method) => {
            const own = summary.filter((x) => x.width === width && x.method === method);
            return [`width ${width} ${method}`, ...own.map(({ mean }) => percent(mean))].join('\t');
          }),
        ),
        ['best possible', ...result.bayes.map(({ accuracy }) => percent(accuracy))].join('\t'),
        ...summariseOrders(result, settings).map(
          ({ width, which, accuracy, probabilityVariance }) =>
            [
              `width ${width}, 4 examples in 24 orders, ${which}`,
              percent(accuracy),
              `variance of P(label) ${probabilityVariance.toExponential(1)}`,
            ].join('\t'),
        ),
        ...crossovers(summary, settings).map(
          ({ width, examples }) =>
            `width ${width}: fine-tuning wins ${examples === null ? 'nowhere' : `from ${examples} examples on`}`,
        ),
      ];
    },
  });
}
