// report.html of the pipeline: what each stage made better, its curves, and answers before and after.

import { type PlotLibrary, renderReport } from '../../io/report.ts';
import type { DoneStage } from './pipeline.ts';
import type { PipelineSettings } from './settings.ts';
import { type Figure, improved, type Stage } from './stage.ts';

export function pipelineReport(
  stages: readonly Stage[],
  done: readonly DoneStage[],
  settings: PipelineSettings,
  plots: PlotLibrary,
): Promise<string> {
  const aboutOf = (name: string) => stages.find((stage) => stage.name === name)?.about ?? '';
  const seconds = done.reduce((sum, stage) => sum + stage.seconds, 0);
  const missing = stages.length - done.length;
  return renderReport(
    {
      title: 'From a base model to one that is preferred',
      subtitle:
        'Tokenizer, pre-training, supervised fine-tuning, preferences, a reward model, PPO, verifiable rewards: one run, one seed.',
      summary: [
        ...done.flatMap(({ figures }) => figures.slice(0, 1).map(headline)),
        ['time of all stages', `${(seconds / 60).toFixed(1)} minutes`],
        ['adapter', done.at(-1)?.adapter ?? ''],
      ],
      plots: done.flatMap(({ curves = [] }) => curves),
      tables: [
        {
          title: 'Held-out figures, before and after each stage',
          columns: ['stage', 'what it does', 'figure', 'before', 'after', 'at best', 'seconds'],
          rows: done.flatMap(({ name, figures, seconds }) =>
            figures.map((figure, i) => [
              i === 0 ? name : '',
              i === 0 ? aboutOf(name) : '',
              `${figure.name} (${figure.unit})`,
              shown(figure.before),
              shown(figure.after) + (figure.margin ? ` ± ${shown(figure.margin)}` : ''),
              figure.bound ? `${shown(figure.bound.value)}, ${figure.bound.what}` : '',
              i === 0 ? seconds.toFixed(0) : '',
            ]),
          ),
        },
      ],
      samples: done.flatMap(({ samples = [] }) => samples),
      settings,
      notes: [
        ...done
          .filter(({ figures }) => !improved(figures[0]!))
          .map(({ name, figures }) => `${name} did not improve its ${figures[0]!.name}.`),
        ...(missing > 0 ? [`${missing} stages are not done yet.`] : []),
        'The labeller is simulated: it sees the true reward, and is wrong as often as the settings say. Models see its labels alone.',
      ],
    },
    plots,
  );
}

const headline = ({ name, before, after, unit }: Figure): [string, string] => [
  name,
  `${shown(after)} ${unit}, before ${shown(before)}`,
];

const shown = (value: number) => (Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3));
