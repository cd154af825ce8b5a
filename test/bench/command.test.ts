// `shadegrad bench` as users run it, and what it is made of: selection, table, comparison, page.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { comparisonColumn, readBaseline } from '../../bench/compare.ts';
import { items } from '../../bench/items/index.ts';
import { benchReport } from '../../bench/report.ts';
import type { BenchResult } from '../../bench/run.ts';
import { selectItems } from '../../bench/select.ts';
import type { BenchAdapter } from '../../bench/suite.ts';
import { columnsFor, duration, figure, headOf, lineOf, size } from '../../bench/table.ts';
import { shadegrad } from '../cli/command.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const RESULT: BenchResult = {
  name: 'softmax 256x128',
  family: 'softmax',
  variant: 'built-in',
  shape: { R: 256, C: 128 },
  dtype: 'f32',
  direction: 'forward',
  microseconds: 131.072,
  p10: 120,
  p90: 160,
  source: 'timestamp',
  calls: 200,
  rounds: 10,
  gflops: 2,
  gbps: 2,
  percentOfFma: 4,
  percentOfCopy: 40,
  percentOfPeak: 40,
  fmaGflops: 50,
  copyGbps: 5,
  memoryBytes: 131_072,
  compileMilliseconds: 12,
  correct: true,
  compared: 24_576,
};

const ADAPTER: BenchAdapter = {
  ...{ name: 'some <GPU>', vendor: 'some', architecture: '', driver: '1.0', software: false },
  features: ['subgroups'],
  clock: 'timestamp',
  ceilings: { fma: 'chains_32', copy: '64 x 1' },
};

describe('selection', () => {
  it('is by family, shape, type and size', () => {
    const names = (selection: Parameters<typeof selectItems>[1]) =>
      selectItems(items, selection).map(({ name }) => name);
    expect(names({})).toHaveLength(items.length);
    expect(names({ family: 'matmul', shape: '768x128x512' })).toEqual(['matmul NN 768x128x512']);
    expect(names({ family: 'softmax', shape: '32000' })).toContain('softmax 256x32000');
    expect(names({ family: 'gae', quick: true })).toEqual(['gae 32x16', 'gae 128x64']);
  });

  it.each([
    [
      { family: 'sofmax' },
      /^bench: no family "sofmax" \(did you mean softmax\?\); there are matmul,/,
    ],
    [{ shape: '4096,512' }, /^bench: --shape "4096,512" is malformed; expected .* 512x512x512/],
    [{ family: 'gae', shape: '7' }, /^bench: no item has --shape 7; there are 32x16, 128x64,/],
    [{ dtype: 'f64' }, /^bench: no item has --dtype f64; there are f32/],
    [{ shape: '2048x4096', quick: true }, /^bench: none of these items is small/],
  ])('refuses %j', (selection, message) => {
    expect(() => selectItems(items, selection)).toThrow(
      expect.objectContaining({ name: 'ConfigError', message: expect.stringMatching(message) }),
    );
  });
});

describe('table', () => {
  it('has a line per result, figures under their titles', () => {
    const columns = columnsFor(items);
    const [head, line] = [headOf(columns), lineOf(columns, RESULT)];
    const end = (text: string, part: string) => text.indexOf(part) + part.length;
    expect(end(line, '131 us')).toBe(end(head, 'time'));
    expect(end(line, '40.0 % copy')).toBe(end(head, 'of peak'));
    expect(line).toMatch(/^softmax 256x128 .* -8 \+22 % .* 131 kB .* 12\.0 ms +ok +built-in$/);
  });

  it('says what is wrong, and has no figures for what could not run', () => {
    const columns = columnsFor(items);
    const wrong = { ...RESULT, correct: false, problem: 'out: got 1, want 2' };
    expect(lineOf(columns, wrong)).toMatch(/WRONG .*\n {2}out: got 1, want 2$/);
    const none = { microseconds: null, gflops: null, gbps: null, percentOfPeak: null };
    expect(lineOf(columns, { ...wrong, ...none })).toMatch(/^softmax 256x128 +- +- +- +- +- /);
  });

  it('writes times and sizes in fitting units', () => {
    const times = [0.5, 12.34, 999.7, 65_536, 2.5e6, null].map(duration);
    expect(times).toEqual(['0.50 us', '12.3 us', '1.00 ms', '65.5 ms', '2.50 s', '-']);
    expect([0.00123, 0.0994, 9.994, 9.996, 99.96, 1234.5].map(figure)).toEqual([
      ...['0.0012', '0.099', '9.99', '10.0', '100', '1,235'],
    ]);
    expect([0, 999, 1000, 5e7].map(size)).toEqual(['0 B', '999 B', '1.00 kB', '50.0 MB']);
  });
});

describe('comparison', () => {
  const printed = (results: unknown) =>
    `{"name":"a line"}\n${JSON.stringify({ adapter: ADAPTER, results })}\n`;

  it('takes the results from the last line, and divides the earlier time by this one', () => {
    const before = readBaseline('before.json', printed([{ ...RESULT, microseconds: 262.144 }]));
    expect(before.adapter).toBe('some <GPU>');
    const column = comparisonColumn(before);
    expect(column.text(RESULT)).toBe('2.00x');
    expect(column.text({ ...RESULT, name: 'another' })).toBe('-');
    expect(column.text({ ...RESULT, microseconds: null })).toBe('-');
  });

  it.each([
    ['nothing', '', /^bench: b\.json is not JSON/],
    ['text', 'no braces\n', /^bench: b\.json is not JSON/],
    ['other JSON', '{"loss":1}', /^bench: b\.json has no "results"/],
    ['results that are none', printed([{}]), /^bench: b\.json has a result without name or/],
  ])('refuses %s', (_, text, message) => {
    expect(() => readBaseline('b.json', text)).toThrow(message);
  });
});

it('the page is one file, with the roofs, every item, and what is wrong', async () => {
  const wrong = { ...RESULT, name: 'softmax <b>', correct: false, problem: 'got <i>' };
  const library = { script: 'var uPlot;', style: '' };
  const result = { adapter: ADAPTER, results: [RESULT, wrong] };
  const page = await benchReport(result, { shadegrad: '0.1.0' }, library);
  expect(page).toContain('Kernels on some &lt;GPU&gt;');
  expect(page).toContain('softmax &lt;b&gt;: got &lt;i&gt;');
  expect(page).not.toMatch(/<b>|<i>|https?:/);
  const plots = JSON.parse(/id="plots">(.*?)<\/script>/s.exec(page)![1]!);
  expect(plots).toHaveLength(2); // all, softmax
  expect(plots[0]).toMatchObject({ logX: true, logY: true });
  // The ridge is at 50 GFLOP/s over 5 GB/s: 10 operations per byte; below it the roof falls with the bandwidth.
  expect(plots[0].series[0]).toMatchObject({ x: [0.5, 10, 20], y: [2.5, 50, 50] });
  expect(plots[0].series[1]).toMatchObject({ x: [1, 1], y: [2, 2], loose: true });
});

describe('the command', () => {
  const arguments_ = ['bench', 'gae', '--shape', '32x16', '--rounds', '2'];

  it('prints a table, and compares with an earlier JSON', async () => {
    const folder = await temporaryFolder();
    const json = await shadegrad([...arguments_, '--json', '--report', join(folder, 'r.html')]);
    expect(json).toMatchObject({ code: 0, stderr: '' });
    const lines = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(3);
    const { adapter, versions, results } = lines.at(-1);
    expect(adapter).toMatchObject({ clock: expect.stringMatching(/^(timestamp|wall)$/) });
    expect(versions).toMatchObject({ node: process.versions.node });
    expect(results).toEqual([lines[1]]);
    expect(Object.keys(results[0])).toEqual(
      expect.arrayContaining([
        ...['family', 'variant', 'shape', 'dtype', 'microseconds', 'gflops', 'gbps'],
        ...['percentOfPeak', 'correct'],
      ]),
    );
    expect(readFileSync(join(folder, 'r.html'), 'utf8')).toContain('gae 32x16');

    const before = join(folder, 'before.json');
    writeFileSync(before, json.stdout);
    const table = await shadegrad([...arguments_, '--compare', before, '--wall']);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(
      /^adapter .*\ndriver .*\nfeatures .*\ntoggles .*\nversions .*\nclock +wall time\n/,
    );
    expect(table.stdout).toMatch(/\ngae 32x16 .* \d+\.\d\dx {2}ok /);
    expect(table.stdout).toContain('all results agree with float64');
    expect(table.stderr).toBe('1/1  gae 32x16\n');
  });

  it('ends with code 1 after a wrong result', async () => {
    const folder = await temporaryFolder();
    const source = readFileSync('kernels/softmax.wgsl', 'utf8');
    const kernel = join(folder, 'wrong.wgsl');
    // Its entry points return before they write anything.
    writeFileSync(kernel, source.replace(/@compute[^{]*\{/g, '$& if (true) { return; }'));
    const shape = ['--shape', '256x128', '--rounds', '2'];
    const { code, stdout } = await shadegrad([
      'bench',
      '--kernel',
      kernel,
      '--like',
      'softmax',
      ...shape,
    ]);
    expect(stdout).toMatch(/WRONG .*wrong\.wgsl\n {2}out: /);
    expect(code).toBe(1);
  });

  it.each([
    [['bench', 'sofmax'], /^ConfigError: bench: no family "sofmax"/],
    [['bench', '--rounds', '0'], /^ConfigError: bench: --rounds is 0/],
    [
      ['bench', '--pin', 'tiles'],
      /^ConfigError: bench: --pin "tiles" is malformed; expected family=/,
    ],
    [['bench', '--kernel', 'x.wgsl'], /^ConfigError: bench: --kernel and --like go together/],
    [['bench', '--kernel', 'no.wgsl', '--like', 'gae'], /^ENOENT.*no\.wgsl/],
    [['bench', 'gae', '--compare', 'no.json'], /^ENOENT.*no\.json/],
  ])('%j is refused in one line', async (args, message) => {
    const { code, stdout, stderr } = await shadegrad(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
