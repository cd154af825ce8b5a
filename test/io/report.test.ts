import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { escapeHtml } from '../../src/io/page.ts';
import { formatNumber, type Report, renderReport } from '../../src/io/report.ts';
import type { PagePlot } from '../../src/io/report_page.ts';

const uplot = createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css');
const library = {
  script: readFileSync(uplot.replace('uPlot.min.css', 'uPlot.iife.min.js'), 'utf8'),
  style: readFileSync(uplot, 'utf8'),
};

/** A report with `text` in every place that takes text. */
function reportOf(text: string): Report {
  return {
    title: text,
    subtitle: text,
    summary: [
      [text, text],
      ['parameters', 809_856],
    ],
    plots: [
      {
        title: text,
        xLabel: text,
        yLabel: text,
        series: [{ label: text, x: [1, 2, 3], y: [3, Number.NaN, 1] }],
        lines: [{ label: text, y: 1.5 }],
      },
    ],
    tables: [{ title: text, columns: [text, 'loss'], rows: [[text, 1.23456]] }],
    samples: [{ title: text, text }],
    settings: { [text]: text, group: { [text]: [text] } },
    notes: [text],
  };
}

/** Every tag of a page with the names of its attributes, as HTML's tokenizer finds them, and what script and style hold. */
function scan(html: string) {
  const tags: string[] = [];
  const blocks: { element: string; content: string }[] = [];
  const tag = /<([/!]?[a-z][^\s/>]*)((?:[^>"]|"[^"]*")*)>/gi;
  for (let match = tag.exec(html); match !== null; match = tag.exec(html)) {
    const [, name, attributes] = match;
    tags.push(`${name} ${attributes!.replace(/="[^"]*"/g, '').trim()}`);
    if (name !== 'script' && name !== 'style') continue;
    const end = html.indexOf(`</${name}`, tag.lastIndex);
    blocks.push({ element: name + attributes, content: html.slice(tag.lastIndex, end) });
    tag.lastIndex = end;
  }
  return { tags, blocks };
}

const ATTACKS = [
  '<script>alert(1)</script>',
  '</script><script>alert(1)</script>',
  '</style><script>alert(1)</script>',
  '</pre><img src=x onerror=alert(1)>',
  '</title><svg onload=alert(1)>',
  '"><img src=x onerror=alert(1)>',
  "'><img src=x onerror=alert(1)>",
  '" onmouseover="alert(1)',
  "' onfocus='alert(1)' autofocus='",
  '<!--<script>alert(1)',
  '--><script>alert(1)</script>',
  '<![CDATA[<script>alert(1)</script>]]>',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '<a href="javascript:alert(1)">x</a>',
  '<SCRIPT/XSS SRC="https://example.com/x.js"></SCRIPT>',
  '<scr\0ipt>alert(1)</scr\0ipt>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#60;img src=x onerror=alert(1)&#62;',
  '<meta http-equiv="refresh" content="0;url=https://example.com">',
  '<base href="https://example.com/">',
  '<template><style>@import "https://example.com"</style></template>',
  '\\u003cscript>alert(1)\u2028</script>',
  '<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
];

describe('text from a model or a file', () => {
  it.each(ATTACKS)('makes no element and no attribute: %s', async (attack) => {
    const harmless = scan(await renderReport(reportOf('harmless'), library));
    const attacked = scan(await renderReport(reportOf(attack), library));
    expect(attacked.tags).toEqual(harmless.tags);
    expect(attacked.blocks.map(({ element }) => element)).toEqual(
      harmless.blocks.map(({ element }) => element),
    );
  });

  it.each(ATTACKS)('is shown as it is: %s', async (attack) => {
    const html = await renderReport(reportOf(attack), library);
    expect(html).toContain(`<pre tabindex="0">\n${escapeHtml(attack)}</pre>`);
    const data = scan(html).blocks.find(({ element }) => element.includes('application/json'))!;
    expect(JSON.parse(data.content)[0].lines[0].label).toBe(attack);
  });

  it('is escaped so that it reads back the same, the ampersand too', () => {
    expect(escapeHtml(`<a b="c" d='e'>&lt;`)).toBe(
      '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;lt;',
    );
  });
});

describe('the page', () => {
  it('allows by hash exactly the scripts and the style that it holds, and nothing else', async () => {
    const html = await renderReport(reportOf('x'), library);
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
    const hashes = scan(html)
      .blocks.filter(({ element }) => !element.includes('json'))
      .map(({ content }) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`);
    const [style, ...scripts] = hashes;
    expect(scripts).toHaveLength(2);
    expect(policy).toContain("default-src 'none';");
    expect(policy).toContain(`script-src ${scripts.join(' ')};`);
    expect(policy).toContain(`style-src ${style};`);
    expect(policy).not.toContain('unsafe');
  });

  it('hashes the library as a browser reads it, with line ends normalised', async () => {
    const html = await renderReport(reportOf('x'), { script: 'var uPlot;\r\n1;', style: 'a{}' });
    const hash = createHash('sha256').update('var uPlot;\n1;').digest('base64');
    expect(html).toContain(`'sha256-${hash}'`);
    expect(html).not.toContain('\r');
  });

  it('loads nothing: no tag has a source, a link or an inline style', async () => {
    const { tags, blocks } = scan(await renderReport(reportOf('x'), library));
    expect(tags.filter((tag) => / (src|href|srcdoc|style|on\w+)\b/.test(tag))).toEqual([]);
    expect(blocks.map(({ content }) => content).join('')).not.toMatch(/@import|url\(/);
  });

  it('refuses a plot library whose text would end its element', async () => {
    await expect(
      renderReport(reportOf('x'), { ...library, script: '"</script>"' }),
    ).rejects.toThrow(DataError);
    await expect(renderReport(reportOf('x'), { ...library, style: '</STYLE>' })).rejects.toThrow(
      'page: the text for <style>',
    );
  });

  it('sets the number of a summary value apart from its unit', async () => {
    const summary = [
      ['loss', '1.5804 nats per character'],
      ['time', '3:54 minutes'],
      ['adapter', 'H200 (Vulkan)'],
      ['device', '2080 Ti'],
    ] as const;
    const html = await renderReport({ ...reportOf('x'), summary }, library);
    expect(html).toContain(
      '<span class="figure">1.5804</span> <span class="unit">nats per character</span>',
    );
    expect(html).toContain('<span class="figure">3:54</span> <span class="unit">minutes</span>');
    expect(html).toContain('<dd>H200 (Vulkan)</dd>');
  });

  it('leaves out the sections that have nothing', async () => {
    const bare = { ...reportOf('x'), tables: undefined, samples: [], notes: [] };
    const html = await renderReport(bare, library);
    expect(html).not.toContain('<h2>Samples</h2>');
    expect(html).not.toContain('<h2>Notes</h2>');
    expect(html).not.toContain('<table>');
  });

  it('names nested settings by their group', async () => {
    const settings = { lr: 1e-8, adam: { beta1: 0.9, betas: [0.9, 0.95] }, resume: null };
    const html = await renderReport({ ...reportOf('x'), settings }, library);
    expect(html).toContain('<dt>lr</dt><dd>1e-8</dd>');
    expect(html).toContain('<dt>adam.beta1</dt><dd>0.9</dd>');
    expect(html).toContain('<dt>adam.betas</dt><dd>[0.9,0.95]</dd>');
    expect(html).toContain('<dt>resume</dt><dd>null</dd>');
  });
});

describe('the data of a plot', () => {
  type Curve = { label: string; x: number[]; y: number[]; faint?: boolean };

  async function dataOf(series: readonly Curve[], more = {}): Promise<PagePlot> {
    const plots = [{ title: 'Loss', xLabel: 'step', yLabel: 'nats', series, ...more }];
    const { blocks } = scan(await renderReport({ ...reportOf('x'), plots }, library));
    return JSON.parse(blocks.find(({ element }) => element.includes('json'))!.content)[0];
  }

  it('is sorted by x, with a gap where a value is not finite', async () => {
    const { series } = await dataOf([
      { label: 'a', x: [3, 1, 2, Number.NaN], y: [0.1 + 0.2, Number.POSITIVE_INFINITY, 5, 6] },
    ]);
    expect(series).toEqual([
      { x: [1, 2, 3], y: [null, 5, 0.3], faint: false, loose: false, color: 0 },
    ]);
  });

  it('has no point at x <= 0 on a logarithmic axis, and no line that is not finite', async () => {
    const curve = { label: 'a', x: [-1, 0, 1, 2], y: [1, 2, 3, 4] };
    const lines = [{ label: 'a', y: Number.NaN }];
    const plot = await dataOf([curve], { logX: true, lines });
    expect(plot.series[0]!.x).toEqual([1, 2]);
    expect(plot.lines).toEqual([]);
  });

  it('has gaps at y <= 0 on a logarithmic axis, and no line there', async () => {
    const curve = { label: 'a', x: [1, 2, 3], y: [0, -1, 3], points: true };
    const lines = [
      { label: 'a', y: 0 },
      { label: 'b', y: 2 },
    ];
    const plot = await dataOf([curve], { logY: true, lines });
    expect(plot.series[0]).toMatchObject({ x: [1, 2, 3], y: [null, null, 3], loose: true });
    expect(plot.lines.map(({ y }) => y)).toEqual([2]);
  });

  it('gives a faint curve the colour of its mean', async () => {
    const curve = { label: 'a', x: [1], y: [1] };
    const { series } = await dataOf([{ ...curve, faint: true }, curve, curve]);
    expect(series.map(({ color }) => color)).toEqual([0, 0, 1]);
  });

  it('is thinned to 4000 points that keep each spike and each divergence', async () => {
    const x = Array.from({ length: 1_000_000 }, (_, i) => i);
    const y = x.map((i) => Math.sin(i / 1e5));
    [y[123_456], y[654_321], y[777_777]] = [50, -50, Number.NaN];
    const { series } = await dataOf([{ label: 'a', x, y }]);
    const curve = series[0]!;
    expect(curve.x.length).toBeLessThanOrEqual(4000);
    expect(curve.y[curve.x.indexOf(123_456)]).toBe(50);
    expect(curve.y[curve.x.indexOf(654_321)]).toBe(-50);
    expect(curve.y[curve.x.indexOf(777_777)]).toBeNull();
    expect(curve.x).toEqual([...curve.x].sort((a, b) => a - b));
  });

  it('is refused when x and y have not the same length', async () => {
    await expect(dataOf([{ label: 'training', x: [1, 2], y: [1] }])).rejects.toThrow(
      'report: "training" in "Loss" has 2 x and 1 y; expected as many',
    );
  });
});

it.each([
  [1.53217, '1.532'],
  [118_412.4, '118,412'],
  [809_856, '809,856'],
  [3e-4, '3.00e-4'],
  [0.0123456, '0.01235'],
  [0, '0'],
  [-2.5, '-2.500'],
  [1e20, '100000000000000000000'],
  [Number.NaN, 'NaN'],
])('%d is written as %s', (value, text) => expect(formatNumber(value)).toBe(text));
