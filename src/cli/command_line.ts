// How this program was called, so that a command that it prints works when it is run as it stands.

import { basename, relative } from 'node:path';

/** The shell command that runs this program, in the same folder, with other arguments. */
export function commandLine(args: readonly string[]): string {
  const script = process.argv[1] ?? '';
  // Installed, the program is a link of this name; from a clone, a script.
  const installed = basename(script) === 'shadegrad';
  const npx = process.env.npm_command === 'exec' ? ['npx'] : [];
  const program = installed ? [...npx, 'shadegrad'] : ['node', relative('', script)];
  return [...program, ...args].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
