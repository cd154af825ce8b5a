// What --help says: every command has a line and an example, and the examples are command lines that the commands take.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';

const program = makeProgram();
const all = withSubcommands(program).filter((command) => command !== program);

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** The words after `shadegrad`, such as `tokenizer train`. */
function nameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name();
}

/** What --help prints. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (more) => (text += more), getOutHasColors: () => false });
  command.outputHelp();
  return text;
}

/** The command lines in a help text, which stand at the beginning of a line or after a pipe, without what explains them. */
function examplesIn(help: string): string[] {
  const lines = help
    .split('\n')
    .map((line) => /^ {2}(?:printf .*\| )?(shadegrad .*)/.exec(line)?.[1]);
  return lines.filter((line) => line !== undefined);
}

/** The arguments of a command line as a shell would split it; three spaces, or a redirection, end it. */
function argumentsOf(line: string): string[] {
  const words = /((?:'[^']*'|[^\s'])+)(\s{3,}|\s*>.*|\s*$|\s)/gy;
  const found: string[] = [];
  for (const [, word, gap] of line.matchAll(words)) {
    found.push(word!.replaceAll("'", ''));
    if (gap!.length >= 3 || gap!.includes('>')) break;
  }
  return found.slice(1);
}

/** A program that parses, and does nothing. @throws CommanderError for what it does not take. */
function quietProgram(): Command {
  const quiet = makeProgram();
  for (const command of withSubcommands(quiet)) {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    if (command !== quiet) command.action(() => {});
  }
  return quiet;
}

test('shadegrad --help lists every command, with what it does', () => {
  const help = helpOf(program);
  const commands = all.filter(({ parent }) => parent === program);
  expect(commands.length).toBeGreaterThan(19);
  for (const command of commands) {
    expect(command.description(), command.name()).toMatch(/\w+ \w+/);
    const line = new RegExp(`^  ${command.name()} .*${command.description().split(' ')[0]}`, 'm');
    expect(help).toMatch(line);
  }
});

test('every file of src/cli that makes a command has it in the program', () => {
  const folder = join(import.meta.dirname, '../../src/cli');
  const made = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/^export function (add\w+)\(program: Command\)/gm)].map(
      ([, name]) => name,
    );
  });
  const text = readFileSync(join(folder, 'program.ts'), 'utf8');
  expect(made.filter((name) => !text.includes(`  ${name},`))).toEqual([]);
  expect(made.length).toBeGreaterThan(19);
});

describe.each(all.map((command) => [nameOf(command), command] as const))(
  '%s --help',
  (name, command) => {
    const examples = examplesIn(helpOf(command));

    test('says what each option and argument is', () => {
      for (const { long, description } of command.options) expect(description, long).not.toBe('');
      for (const { description } of command.registeredArguments) expect(description).not.toBe('');
    });

    test('has an example of its own, and each example is a command line that parses', async () => {
      expect(examples.some((line) => line.startsWith(`shadegrad ${name}`))).toBe(true);
      for (const line of examples) {
        const parsed = quietProgram().parseAsync(argumentsOf(line), { from: 'user' });
        await expect(parsed, line).resolves.toBeDefined();
      }
    });
  },
);

test('the reading of examples: quotes, comments, pipes, redirections', () => {
  expect(argumentsOf("shadegrad a --set t='[\"x y\"]' 'To be'     why")).toEqual([
    'a',
    '--set',
    't=["x y"]',
    'To be',
  ]);
  expect(argumentsOf('shadegrad bench softmax --json > before.json')).toEqual([
    'bench',
    'softmax',
    '--json',
  ]);
  expect(examplesIn("  printf 'a' | shadegrad chat --json\nsee shadegrad\n")).toEqual([
    'shadegrad chat --json',
  ]);
  const wrong = quietProgram().parseAsync(['train', '--stepps', '3'], { from: 'user' });
  return expect(wrong).rejects.toThrow("unknown option '--stepps'");
});
