// shadegrad info: the adapter, what it can do, and what is missing for a better one.

import type { Command } from 'commander';
import { platform } from '#platform';
import { Device } from '../ops/device.ts';

const EXAMPLES = `
Examples:
  shadegrad info                      the adapter that the other commands take, too
  shadegrad info --adapter software   the one that computes on the CPU`;

export function addInfo(program: Command): void {
  program
    .command('info')
    .description('show the adapter, its features and limits, and what is missing')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(info);
}

async function info({ adapter, json }: { adapter: string; json?: boolean }): Promise<void> {
  const device = await Device.open({ adapter, announce: null });
  const features = [...device.features];
  const missing = await platform.diagnose();
  const report = { adapter: device.adapter, features, limits: device.limits, missing };
  device.destroy();
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const row = (label: string, value: unknown) => console.log(`${label.padEnd(36)}${value}`);
  row('adapter', report.adapter.name);
  row('driver', report.adapter.driver);
  row('kind', report.adapter.software ? 'software (computes on the CPU)' : 'hardware');
  for (const name of ['shader-f16', 'timestamp-query', 'subgroups'])
    row(name, features.includes(name) ? 'yes' : 'no');
  for (const [name, value] of Object.entries(report.limits)) row(name, value.toLocaleString('en'));
  if (missing.length > 0)
    console.log(`\nfor a GPU:\n${missing.map((line) => `  - ${line}`).join('\n')}`);
}
