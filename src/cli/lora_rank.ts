// shadegrad lora-rank: the experiment that LoRA comes nearer to full fine-tuning as its rank grows.

import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { RANK_DEFAULTS, rankExperiment } from '../llm/rank_experiment.ts';
import { rankReport, summarise } from '../llm/rank_report.ts';
import { Device } from '../ops/device.ts';
import { formatDuration } from './progress.ts';
import { nextRunFolder } from './runs.ts';
import { loadSettings } from './settings.ts';

interface RankFlags {
  readonly out?: string;
  readonly set?: string[];
  readonly adapter: string;
  readonly json?: boolean;
}

export function addLoraRank(program: Command): void {
  program
    .command('lora-rank')
    .description('experiment: LoRA comes nearer to full fine-tuning as its rank grows')
    .option('--out <folder>', 'run folder (default: the next free runs/lora-rank-N)')
    .option('--set <key=value>', 'one setting; may be repeated', (value, list: string[] = []) => [
      ...list,
      value,
    ])
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only, one object a line; the last line is the result')
    .addHelpText(
      'after',
      `
Trains a small model for each seed, and tunes it to another task with each rank and in full: four minutes on two cores.
The folder gets results.json and report.html with the figure.

Settings: ${Object.entries(RANK_DEFAULTS)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(' ')}

Example:
  shadegrad lora-rank --set ranks=[1,4,16] --set seeds=[1]`,
    )
    .action(run);
}

async function run({ out, set = [], adapter, json }: RankFlags): Promise<void> {
  const settings = await loadSettings(RANK_DEFAULTS, { set });
  const folder = await openFolder(out ?? (await nextRunFolder('lora-rank')));
  const device = await Device.open({ adapter, announce: null });
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop);
  try {
    const begin = performance.now();
    const experiment = await rankExperiment(device, {
      settings,
      signal: interrupt.signal,
      onProgress: (line, done, total) => {
        if (json) console.log(JSON.stringify({ done, total, note: line }));
        else console.error(`${done}/${total}  ${line}`);
      },
    });
    const seconds = (performance.now() - begin) / 1000;
    const about = { adapter: device.adapter.name, seconds };
    const summary = summarise(experiment);
    const result = { ...about, summary, ...experiment };
    const write = (name: string, text: string) =>
      folder.write(name, new TextEncoder().encode(text));
    await write('results.json', `${JSON.stringify(result, null, 2)}\n`);
    const plots = { script: plotScript, style: plotStyle };
    await write('report.html', await rankReport(experiment, about, plots));
    if (json) console.log(JSON.stringify({ ...result, out: folder.location }));
    else {
      for (const { rank, trained, mean } of summary)
        console.log(
          `${rank === null ? 'full' : `rank ${rank}`}\t${trained} values\t${mean.toFixed(4)} nats`,
        );
      console.log(`${formatDuration(seconds)}; report: ${folder.location}/report.html`);
    }
  } finally {
    process.off('SIGINT', stop);
    device.destroy();
  }
}
