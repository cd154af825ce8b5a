// The README's table of the kinds of methods.

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('A10 every kind of method that the lectures name has its place, and each file named is there', () => {
  const readme = readFileSync('README.md', 'utf8');
  for (const kind of ['value-based', 'policy-based', 'actor-critic', 'model-based']) {
    const row = new RegExp(`^\\| ${kind} \\|.*$`, 'm').exec(readme)?.[0] ?? '';
    const files = [...row.matchAll(/\]\((src\/[^)]*)\)/g)].map(([, path]) => path!);
    expect(files.length, kind).toBeGreaterThan(0);
    for (const path of files) expect(existsSync(path), path).toBe(true);
  }
});
