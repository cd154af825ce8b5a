// demos/kernels/ as visitors get it: built, served, in Chromium.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readBaseline } from '../../bench/compare.ts';
import { sharedOpItems } from '../../bench/items/ops.ts';
import type { BenchResult } from '../../bench/run.ts';
import { packText } from '../../demos/kernels/link.ts';
import { Device } from '../../src/index.ts';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();
const SOFTMAX = 'kernels/#item=softmax+256x128&rounds=2';
const item = sharedOpItems.find(({ name }) => name === 'softmax 256x128')!;

test("a measurement: figures, a point under the roof, a table, and a file with the command's fields and Node's values", async () => {
  // Who is quicker than the kernel's text measures the built-in one, too.
  await site.page.route('**/wgsl/softmax.wgsl', async (route) => {
    await site.page.waitForSelector('#go[aria-disabled=true]');
    await route.continue();
  });
  await site.open(SOFTMAX);
  await measure();
  expect(await text('#time')).toMatch(/^[\d.,]+ (us|ms)$/);
  expect(await site.number('#gflops')).toBeGreaterThan(0);
  expect(await text('#facts')).toContain('softmax 256x128: 1.00 operations per byte');
  expect(await site.page.getAttribute('#roofline svg', 'aria-label')).toMatch(
    /multiply-adds [\d.]+ GFLOP\/s, copy [\d.]+ GB\/s; built-in [\d.]+ GFLOP\/s/,
  );
  expect(await text('#facts')).toContain('24,576 values were compared');
  expect(await text('#variants-table tbody tr')).toMatch(/right, [\d.]+ %/);
  expect(await site.page.locator('#strips .sample').count()).toBe(2);
  expect(await site.page.locator('#history tbody tr').count()).toBe(1);

  const { name, content } = await downloaded();
  expect(name).toBe('shadegrad-kernels.json');
  expect(readBaseline(name, content).times.get('softmax 256x128')).toBeGreaterThan(0);
  const [result] = JSON.parse(content).results as [BenchResult];
  expect(result).toMatchObject({
    family: 'softmax',
    correct: true,
    rounds: 2,
    direction: 'forward',
  });
  const worst = await worstInNode();
  expect(result.worst!.want).toBe(worst.want);
  expect(result.worst!.got).toBeCloseTo(worst.got, 6);
});

test('an edited kernel: errors at their line, a wrong one found, and all of it in a link', async () => {
  await site.open(SOFTMAX);
  await edit('let log_sum = log_safe(sum);', 'let log_sum = nowhere(sum);');
  await site.page.click('#go');
  await site.status('The kernel does not compile.');
  const line = (await source()).split('\n').findIndex((each) => each.includes('nowhere')) + 1;
  expect(await text('#compile-errors li')).toMatch(new RegExp(`^${line}:\\d+ .*nowhere`));
  expect(await text('#gutter .bad')).toContain(String(line));
  const selected = await site.page.evaluate(() => {
    const { selectionStart, selectionEnd, value } = document.activeElement as HTMLTextAreaElement;
    return value.slice(selectionStart, selectionEnd);
  });
  expect(selected).toContain('nowhere');

  await edit('= nowhere(sum);', ': f32 = x[0];'); // not with the vectors that the launch takes
  expect(await site.page.locator('#compile-errors li').count()).toBe(0);
  await site.page.click('#go');
  await expect
    .poll(() => text('#compile-errors li'), { timeout: 30_000 })
    .toMatch(new RegExp(`^${line}:`));

  await edit(': f32 = x[0];', '= log_safe(sum);');
  await edit('- top) * scale);', '- top) * (1.01 * scale));');
  await site.page.click('#go');
  await site.status(/^Measured softmax 256x128 in .* s: 1 of 2 wrong\.$/);
  expect(await text('#wrong li')).toMatch(
    /^softmax\.wgsl, edited: out: \d+ of \d+ elements differ/,
  );
  expect(await text('#ratio')).toBe('WRONG');

  expect(await site.page.getAttribute('#roofline svg', 'aria-label')).toContain('WRONG: softmax');

  const mine = await source();
  await expect.poll(() => site.page.url()).toMatch(/kernel=[-\w]{20}/);
  await site.page.reload();
  await site.status(/^Ready\. This link holds an edited kernel/);
  await expect.poll(source).toBe(mine);
  const builtIn = await readFile('kernels/softmax.wgsl', 'utf8');
  await site.page.click('#restore');
  expect(await source()).toBe(builtIn);
  await edit('- top) * scale);', '- top) * (1.01 * scale));');
  await expect.poll(() => site.page.url()).toMatch(/kernel=[-\w]{20}/);
  await site.page.click('#reset');
  await site.status('Ready.');
  await expect.poll(source).toBe(builtIn);
  expect(site.page.url()).not.toContain('kernel=');
  expect(await site.page.locator('main img, main script, main b').count()).toBe(0);
});

test("other sizes; those over the adapter's limits are refused by name", async () => {
  await site.open(SOFTMAX);
  await site.page.fill('#sizes', '90000000x9');
  await site.page.click('#go');
  await site.page.waitForSelector('#error:not([hidden])');
  expect(await text('#error')).toContain('maxStorageBufferBindingSize');
  await site.page.fill('#sizes', '30x7');
  await measure('softmax 30x7');
  expect(await text('#facts')).toContain('210 values were compared');
});

/** Some seconds rather than for ever: SwiftShader ends no kernel. */
const SLOW =
  'var slow = 0f; for (var n = 0u; n < 5000000u; n++) { slow = sin(slow + 1f); } let scale = 1e-30f * slow + ';

test('a kernel that does not end: the loss is said, and one press goes on', async () => {
  await site.open(`${SOFTMAX}&patience=1`);
  await edit('let scale = ', SLOW);
  await site.page.click('#go');
  await site.status('The GPU was lost. Measure again opens it anew.');
  expect(await text('#error')).toContain('did not answer for 1 s');
  await site.page.click('#restore');
  await site.page.click('#go');
  await site.status(/^(Measured softmax|Running|Compiling|Measuring)/);
});

test('the tuner says which variant it chose', async () => {
  await site.open('kernels/#item=matmul+NN+64x64x64');
  await site.page.click('#tune');
  await site.status(/^Tuned: \d of \d choices changed\. This browser remembers it\.$/);
  expect(await text('#tuned-table tbody')).toMatch(/matmul NN 64x64x64.*broadcast [\d.]+ us/);
});

test('a text that is too long for a kernel is not taken, from a link or pasted; what is taken takes no time', async () => {
  for (const [text, excess] of [
    ['\n'.repeat(2 ** 18), '64 KB'],
    ['\n'.repeat(2 ** 15), '1500 lines'],
  ] as const) {
    await site.page.goto('about:blank');
    await site.open(`${SOFTMAX}&kernel=${await packText(text)}`);
    await expect.poll(() => site.page.textContent('#error')).toContain(`has over ${excess}.`);
    await expect.poll(source).not.toBe('');
    const before = await source();
    await put(text);
    expect(await site.page.textContent('#compile-errors li')).toContain(`over ${excess} is not`);
    expect(await source()).toBe(before);
  }
  for (const slow of ['const a:u=\n'.repeat(1400), `const a:u=${' '.repeat(60_000)}`])
    expect(await put(slow)).toBeLessThan(1000); // milliseconds; it was quadratic
});

/** In the editor at once, as a program would; how long the page takes for it. */
const put = (text: string) =>
  site.page.$eval(
    '#source',
    (area, text) => {
      (area as HTMLTextAreaElement).value = text;
      const begun = performance.now();
      area.dispatchEvent(new Event('input'));
      return performance.now() - begun;
    },
    text,
  );

test('texts from a link stay texts; a link that is cut off is told', async () => {
  await site.open(`${SOFTMAX}&kernel=abc`);
  await expect.poll(() => text('#error')).toContain('The kernel in this link cannot be read');
  await site.page.fill(
    '#source',
    `// ${INJECTIONS.join('\n// ')}\n@compute @workgroup_size(1) fn f() { ${INJECTIONS[0]} }`,
  );
  await expect.poll(() => site.page.url()).toMatch(/kernel=[-\w]{20}/);
  await site.page.reload();
  await site.status(/^Ready\. This link holds an edited kernel/);
  await expect.poll(source).toContain(INJECTIONS[0]!);
  await site.page.click('#go');
  await site.status('The kernel does not compile.');
  expect(await site.page.locator('main img, main script, main iframe, main b').count()).toBe(0);
  expect(await site.page.title()).toBe('Kernel lab · shadegrad');
});

const text = async (selector: string) => (await site.page.textContent(selector)) ?? '';
const source = () => site.page.inputValue('#source');

async function measure(name = 'softmax 256x128'): Promise<void> {
  await site.page.click('#go');
  await site.status(new RegExp(`^Measured ${name} in [\\d.]+ s: all agree with float64\\.$`));
}

/** As a person would: the text is there before it is changed. */
async function edit(from: string, to: string): Promise<void> {
  await expect.poll(source).toContain(from);
  await site.page.fill('#source', (await source()).replace(from, to));
}

async function downloaded(): Promise<{ name: string; content: string }> {
  const coming = site.page.waitForEvent('download');
  await site.page.click('#download');
  const file = await coming;
  return { name: file.suggestedFilename(), content: await readFile(await file.path(), 'utf8') };
}

async function worstInNode() {
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const inputs = item.inputs();
  const entries = Object.entries(inputs).map(
    ([name, { data, shape, dtype }]) => [name, device.tensor(data, { shape, dtype })] as const,
  );
  const { out } = item.start(device, Object.fromEntries(entries)).run();
  const { worst } = item.check(inputs, { out: await out!.data() }, 1);
  device.destroy();
  return worst!;
}
