#!/usr/bin/env node
// The `shadegrad` command. Each subcommand is a thin shell over an exported function.

import { ShadegradError } from '../errors.ts';
import { makeProgram } from './program.ts';

try {
  await makeProgram().parseAsync();
} catch (error) {
  console.error(explained(error));
  process.exitCode = 1;
}

/** Mistakes of use, and what the system refuses (a full disk, no permission), get one line; the rest is ours: where? */
function explained(error: unknown): string {
  if (error instanceof ShadegradError) return `${error.name}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
