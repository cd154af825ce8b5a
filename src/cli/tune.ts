// shadegrad tune: which variants of the kernels are fastest on this adapter, measured and kept.

import type { Command } from 'commander';
import { type TunedClass, type TunedVariant, type TuneProgress, tune } from '../../bench/tune.ts';
import { Device } from '../ops/device.ts';

interface TuneFlags {
  readonly full?: boolean;
  readonly keep: boolean;
  readonly json?: boolean;
  readonly adapter: string;
}

export function addTune(program: Command): void {
  program
    .command('tune')
    .description('measure which kernels are fastest on this adapter; later runs on it use them')
    .argument('[families...]', 'such as matmul, attention; default: all that have variants')
    .option('--full', 'more shapes; takes several times as long')
    .option('--no-keep', 'only show what would be chosen')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print one JSON object per measured class, and the choices last')
    .addHelpText(
      'after',
      `
Every variant is checked against float64 first: one that computes something wrong on this adapter is never chosen.
The choices are kept per adapter and driver, and hold until the next 'shadegrad tune'.

Examples:
  shadegrad tune                    all families, in some minutes
  shadegrad tune matmul --no-keep   what would be chosen for products`,
    )
    .action(run);
}

async function run(families: string[], { full, keep, json, adapter }: TuneFlags): Promise<void> {
  const device = await Device.open({ adapter, announce: null, tuning: 'shipped' });
  if (!json) console.error(`tuning on ${device.adapter.name} (${device.adapter.driver})`);
  const { choices, classes, kept } = await tune(device, {
    keep,
    ...(full && { full }),
    ...(families.length > 0 && { families }),
    ...(!json && { onProgress: showProgress }),
  });
  device.destroy();
  if (json) {
    for (const tuned of classes) console.log(JSON.stringify(tuned));
    console.log(JSON.stringify({ choices, kept, adapter: device.adapter.name }));
    return;
  }
  console.log(tableOf(classes));
  console.log(kept ? `\nkept in ${kept}` : '\nnot kept');
}

function showProgress({ done, total, item }: TuneProgress): void {
  console.error(`${String(done + 1).padStart(String(total).length)}/${total} ${item}`);
}

function tableOf(classes: readonly TunedClass[]): string {
  const rows = classes.map((tuned) => [
    tuned.family,
    tuned.item,
    tuned.chosen,
    gainOf(tuned),
    tuned.variants.map(described).join('  '),
  ]);
  const all = [
    ['kernels', 'shapes like', 'chosen', 'against shipped', 'all, in microseconds'],
    ...rows,
  ];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function gainOf({ shipped, chosen, variants }: TunedClass): string {
  const time = (name: string) => variants.find(({ variant }) => variant === name)?.microseconds;
  const [before, after] = [time(shipped), time(chosen)];
  if (shipped === chosen) return 'the same';
  return before && after ? `${(before / after).toFixed(2)}x` : `${shipped} is wrong`;
}

function described({ variant, microseconds, problem }: TunedVariant): string {
  return microseconds === null
    ? `${variant} WRONG (${problem})`
    : `${variant} ${microseconds.toFixed(1)}`;
}
