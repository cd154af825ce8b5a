// The same training in Chromium and in Node, each from its own bundle in dist/.

import { expect, test } from 'vitest';
import { inChromium, inNode } from './node_chrome.ts';

interface Outcome {
  readonly adapter: string;
  readonly software: boolean;
  /** Twenty of training, one of validation. */
  readonly losses: readonly number[];
}

const TRAINING = { file: 'twenty_steps.js', name: 'twentySteps' };

test('Node = Chrome: 20 training steps on one driver have the same losses to 1e-5', async () => {
  const browser = await inChromium<Outcome>(TRAINING);
  const node = await inNode<Outcome>(TRAINING, browser.software ? 'swiftshader' : 'hardware');
  expect(browser.losses).toHaveLength(21);
  expect(browser.losses[19]).toBeLessThan(browser.losses[0]! - 0.3);
  const differences = browser.losses.map((loss, i) => Math.abs(loss - node.losses[i]!));
  expect(Math.max(...differences), `${browser.adapter} and ${node.adapter}`).toBeLessThan(1e-5);
});
