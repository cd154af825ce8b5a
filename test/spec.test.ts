// Which rows of the lectures have a test. The README shows the list; UPDATE_README=1 writes it there.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SPEC_ROWS } from './spec_rows.ts';

const BEGIN = '<!-- lectures: written by test/spec.test.ts -->';
const END = '<!-- end of lectures -->';

/** Row id -> test files with a title that begins with it. */
function testedRows(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const path of testFiles('test')) {
    const titles = readFileSync(path, 'utf8').matchAll(
      /\b(?:test|it|describe)(?:\.each)?\(\s*['"`]([A-L]\d{1,2})\b/g,
    );
    for (const [, id] of titles) found.set(id!, (found.get(id!) ?? new Set()).add(path));
  }
  return found;
}

function testFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}

function table(tested: ReadonlyMap<string, ReadonlySet<string>>): string {
  const ids = Object.keys(SPEC_ROWS);
  const shown = ids.filter((id) => tested.has(id));
  const rows = shown.map((id) => {
    const links = [...tested.get(id)!].map((path) => `[${path.replace('test/', '')}](${path})`);
    return `| ${id} | ${SPEC_ROWS[id]} | ${links.join(', ')} |`;
  });
  const missing = ids.filter((id) => !tested.has(id));
  return [
    `${shown.length} of ${ids.length} rows of the lectures have a test of their own.`,
    '',
    '| row | what | shown in |',
    '|---|---|---|',
    ...rows,
    '',
    `Still missing: ${missing.join(', ') || 'none'}.`,
  ].join('\n');
}

test('every test that names a row names one that exists', () => {
  const unknown = [...testedRows().keys()].filter((id) => !(id in SPEC_ROWS));
  expect(unknown).toEqual([]);
});

test('the README lists exactly the rows that have a test', () => {
  const readme = readFileSync('README.md', 'utf8');
  const [before, rest] = readme.split(`${BEGIN}\n`);
  const [, after] = (rest ?? '').split(`\n${END}`);
  const updated = `${before}${BEGIN}\n${table(testedRows())}\n${END}${after}`;
  if (process.env.UPDATE_README) writeFileSync('README.md', updated);
  else
    expect(
      readme,
      'run UPDATE_README=1 npx vitest run --config test/vitest.config.ts test/spec.test.ts',
    ).toBe(updated);
});

test('K7 what the lectures show for context, without anything to compute, is named in the README', () => {
  const readme = readFileSync('README.md', 'utf8').replace(/\s+/g, ' ');
  const context = [
    'Sparks of Artificial General Intelligence',
    'AlphaGeometry',
    'counts the tokens',
  ];
  for (const each of [
    ...context,
    'capital of Kenya',
    'sizes of the largest models',
    'shopping assistant',
  ])
    expect(readme).toContain(each);
});
