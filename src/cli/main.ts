#!/usr/bin/env node
// The `shadegrad` command. Each subcommand is a thin shell over an exported function.

import { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { ShadegradError } from '../errors.ts';
import { addDemos } from './demos.ts';
import { addInfo } from './info.ts';
import { addTrain } from './train.ts';

const program = new Command('shadegrad')
  .description(
    'WebGPU tensors with autodiff, and language models and reinforcement learning on top.',
  )
  .version(manifest.version)
  .showHelpAfterError('(shadegrad --help lists the commands)')
  .enablePositionalOptions();

for (const add of [addTrain, addInfo, addDemos]) add(program);

try {
  await program.parseAsync();
} catch (error) {
  // Mistakes of use get one line; anything else is ours, and shows where.
  const message =
    error instanceof ShadegradError ? `${error.name}: ${error.message}` : (error as Error).stack;
  console.error(message);
  process.exitCode = 1;
}
