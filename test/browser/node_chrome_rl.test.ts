// PPO in Chromium and in Node: the same iterations, and a run that begins in one goes on in the other.

import { expect, test } from 'vitest';
import { inChromium, inNode } from './node_chrome.ts';

type Metrics = Readonly<Record<string, number>>;

interface Outcome {
  readonly adapter: string;
  readonly software: boolean;
  readonly metrics: readonly Metrics[];
  /** As they were at half. */
  readonly files: Readonly<Record<string, string>>;
}

const ITERATE = { file: 'twenty_iterations.js', name: 'iterate' };

test('Node = Chrome: 20 iterations of PPO to 1e-5, and each goes on from the other’s checkpoint', async () => {
  const browser = await inChromium<Outcome>(ITERATE, {});
  const adapter = browser.software ? 'swiftshader' : 'hardware';
  const node = await inNode<Outcome>(ITERATE, { adapter });
  expect(browser.metrics).toHaveLength(20);
  expect(
    difference(browser.metrics, node.metrics),
    `${browser.adapter} and ${node.adapter}`,
  ).toBeLessThan(1e-5);
  expect(browser.metrics[19]!.return).toBeGreaterThan(browser.metrics[3]!.return! + 5);

  const thenBrowser = await inChromium<Outcome>(ITERATE, { files: node.files });
  expect(difference(thenBrowser.metrics, browser.metrics.slice(10))).toBeLessThan(1e-5);
  const thenNode = await inNode<Outcome>(ITERATE, { adapter, files: browser.files });
  expect(difference(thenNode.metrics, node.metrics.slice(10))).toBeLessThan(1e-5);
});

/** The largest, of all metrics of all iterations. @throws Error where they do not have the same ones */
function difference(a: readonly Metrics[], b: readonly Metrics[]): number {
  expect(a.map((each) => Object.keys(each))).toEqual(b.map((each) => Object.keys(each)));
  return Math.max(
    ...a.flatMap((each, i) => Object.entries(each).map(([key, x]) => Math.abs(x - b[i]![key]!))),
  );
}
