// The bench itself, off the page's thread: the items, the ceilings and the checks of `shadegrad bench`.

import { type CeilingForms, findCeilings } from '../../bench/ceilings.ts';
import type { Item } from '../../bench/item.ts';
import { ownOpItems, sharedOpItems } from '../../bench/items/ops.ts';
import { type Clock, clockFor } from '../../bench/measure.ts';
import { type BenchResult, benchItem } from '../../bench/run.ts';
import type { UserKernel } from '../../bench/side.ts';
import { adapterOf, userKernel } from '../../bench/suite.ts';
import { type Device, LimitError, ShadegradError } from '../../src/index.ts';
import { type Engine, serve } from '../shared/engine.ts';
import { tuneKernels } from '../shared/tuning.ts';
import { compileErrors } from './compile_errors.ts';
import { Guard } from './guard.ts';
import type { Command, CompileError, Edited, Report } from './protocol.ts';

type Measure = Extract<Command, { type: 'measure' }>;

const items = [...sharedOpItems, ...ownOpItems];

postMessage({
  type: 'items',
  items: items.map(({ name, family, shape, sized }) => ({
    ...{ name, family, shape, sizable: sized !== undefined },
  })),
} satisfies Report);

serve<Command, Report>((command, device, engine) =>
  command.type === 'tune' ? tune(device, engine, command) : measure(device, engine, command),
);

async function measure(device: Device, engine: Engine<Report>, command: Measure): Promise<string> {
  const item = itemOf(command);
  if (item.requires === 'shader-f16' && !device.features.has('shader-f16'))
    throw new LimitError(`${item.name}: this adapter has no shader-f16`);
  const guard = new Guard(device, command.patience);
  const clock = guard.watch(clockFor(device));
  const begun = performance.now();
  try {
    const kernel = command.kernel && (await compiled(device, command.kernel));
    const ceilings = command.ceilings ?? (await firstCeilings(device, engine, clock));
    engine.report({ type: 'ceilings', adapter: adapterOf(device, clock, ceilings) });
    const results = await run(device, engine, command, { item, kernel, ceilings, clock, guard });
    if (results.length === 0) return 'Stopped before anything was measured.';
    engine.report({ type: 'measured', results });
    return conclusion(item, results, (performance.now() - begun) / 1000);
  } catch (error) {
    const errors = command.kernel ? errorsIn(command.kernel, error) : [];
    if (errors.length === 0) throw guard.explained(error);
    engine.report({ type: 'refused', errors });
    return 'The kernel does not compile.';
  } finally {
    guard.disarm();
  }
}

/** By the text of what went wrong, where it is about the visitor's kernel. */
function errorsIn({ file, text }: Edited, error: unknown): CompileError[] {
  const { message } = error as Error;
  return message.startsWith(nameOf(file)) ? compileErrors(message, text.split('\n').length) : [];
}

const nameOf = (file: string) => `${file}.wgsl, edited`;

/** @throws ShadegradError for a name or sizes that there are not, as a link may hold */
function itemOf({ item: name, sizes }: Pick<Measure, 'item' | 'sizes'>): Item {
  const item = items.find((each) => each.name === name);
  if (!item) throw new ShadegradError(`there is no item ${name}`);
  if (sizes === null || !item.sized) return item;
  const letters = Object.keys(item.shape);
  if (sizes.length !== letters.length || sizes.some((size) => !(size > 0)))
    throw new ShadegradError(
      `sizes: ${sizes.join('x')}, expected ${letters.length} numbers above 0: ${letters.join('x')}`,
    );
  return item.sized(...sizes);
}

/** Compiled by itself first: it tells all of its errors then. */
async function compiled(device: Device, { file, text }: Edited): Promise<UserKernel> {
  const kernel = userKernel(nameOf(file), text, file);
  await device.gpu.check({ file: kernel.file, entry: kernel.file.entries[0]! });
  return kernel;
}

async function firstCeilings(
  device: Device,
  { note, turn }: Engine<Report>,
  clock: Clock,
): Promise<CeilingForms> {
  await turn();
  note('Measuring what this adapter can do at most…');
  return findCeilings(device, { clock, onRound: turn });
}

async function run(
  device: Device,
  { report, note, signal, turn }: Engine<Report>,
  { variants, rounds, kernel: edited }: Measure,
  parts: {
    item: Item;
    kernel: UserKernel | null;
    ceilings: CeilingForms;
    clock: Clock;
    guard: Guard;
  },
): Promise<BenchResult[]> {
  const { item, kernel, ceilings, clock, guard } = parts;
  const stopped = Symbol('stopped');
  try {
    const results = await benchItem(device, item, {
      ...{ ceilings, clock, rounds, variants, signal, ...(kernel && { kernel }) },
      async onVariant(name) {
        guard.disarm();
        if (signal.aborted) throw stopped;
        note(`Compiling ${name}…`);
        guard.arm();
      },
      async onRound(sampled) {
        const done = sampled[0]!.samples.length;
        report({ type: 'sampled', done, rounds, sampled });
        await turn();
      },
    });
    if (results.some(({ microseconds }) => microseconds !== null)) return results;
    if (results.length > 0) throw new ShadegradError(results[0]!.problem);
    throw new ShadegradError(
      `${item.name} launches nothing of ${edited!.file}.wgsl on this adapter${variants ? '' : '; try with all variants'}`,
    );
  } catch (error) {
    if (error === stopped) return [];
    throw error;
  }
}

function conclusion({ name }: Item, results: readonly BenchResult[], seconds: number): string {
  const wrong = results.filter(({ correct }) => !correct).length;
  const agree = wrong === 0 ? 'all agree with float64' : `${wrong} of ${results.length} wrong`;
  return `Measured ${name} in ${seconds.toFixed(1)} s: ${agree}.`;
}

/** For one item's kernels, or for all shapes that the tuner knows. */
async function tune(
  device: Device,
  { report }: Engine<Report>,
  { item, sizes }: Extract<Command, { type: 'tune' }>,
): Promise<string> {
  const { classes, status } = await tuneKernels(device, {
    ...(item !== null && { items: [itemOf({ item, sizes })] }),
    onProgress: (progress) => report({ type: 'tuning', ...progress }),
  });
  report({ type: 'tuned', classes });
  return status;
}
