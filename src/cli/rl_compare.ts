// shadegrad rl compare: the learning curves of runs in one page.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { compareRuns, comparisonReport, readComparedRun } from '../rl/compare.ts';

const EXAMPLES = `
Runs that differ in nothing but the seed make one curve, the mean with its 95 % interval.

Examples:
  shadegrad rl compare runs/rl-1 runs/rl-2 runs/rl-3     one page, compare.html
  shadegrad rl compare runs/* --out cartpole.html --json`;

export function addRlCompare(rl: Command): void {
  rl.command('compare')
    .description('draw the learning curves of runs in one environment')
    .argument('<run...>', 'run folders')
    .option('--out <file>', 'the page', 'compare.html')
    .option('--json', 'print JSON only: the groups with their means and intervals')
    .addHelpText('after', EXAMPLES)
    .action(compare);
}

async function compare(
  folders: readonly string[],
  { out, json }: { out: string; json?: boolean },
): Promise<void> {
  const runs = await Promise.all(
    folders.map(async (path) => readComparedRun(await openFolder(path))),
  );
  const comparison = compareRuns(runs);
  const plots = { script: plotScript, style: plotStyle };
  await writeFile(out, await comparisonReport(comparison, plots));
  if (json) {
    const groups = comparison.groups.map(({ label, seeds, final }) => ({ label, seeds, ...final }));
    console.log(JSON.stringify({ environment: comparison.environment, groups, out }));
    return;
  }
  const width = Math.max(...comparison.groups.map(({ label }) => label.length));
  for (const { label, seeds, final } of comparison.groups) {
    const margin = seeds.length > 1 ? ` ± ${final.margin.toFixed(2)}` : '';
    const count = `${seeds.length} seed${seeds.length > 1 ? 's' : ''}`;
    console.log(`${label.padEnd(width)}  ${final.mean.toFixed(2)}${margin}  (${count})`);
  }
  console.log(`page: ${out}`);
}
