// Dawn's instance must outlive its devices: when it is collected, the process crashes. So a process collects garbage
// as often as it can while it computes, on each software adapter, and has to end by itself.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { platform } from '../../src/gpu/platform_node.ts';

const SECONDS_TO_END = 2;
const root = new URL('../..', import.meta.url);
let script: string;

beforeAll(async () => {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL('collected.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    loader: { '.wgsl': 'text' },
    write: false,
  });
  script = bundled.outputFiles[0]!.text;
});

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
  readonly secondsAfterFinished: number;
}

function run(adapter: string): Promise<Ending> {
  const env = { ...process.env, SHADEGRAD_ADAPTER: adapter };
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-'], {
    cwd: root,
    env,
    timeout: 60_000, // when Dawn loses its instance, a promise may stay pending for ever
  });
  let output = '';
  let errors = '';
  let finishedAt = Number.NaN;
  child.stdout.on('data', (text: Buffer) => {
    output += text;
    if (output.includes('finished')) finishedAt = performance.now();
  });
  child.stderr.on('data', (text: Buffer) => {
    errors += text;
  });
  child.stdin.end(script);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const secondsAfterFinished = (performance.now() - finishedAt) / 1000;
      resolve({ code, signal, output, errors, secondsAfterFinished });
    });
  });
}

it.each(['software', 'swiftshader'])(
  'a process that collects garbage all the time computes and ends by itself (%s)',
  async (adapter) => {
    const found = await platform.findAdapter(adapter, {}).catch((error: unknown) => String(error));
    if (typeof found === 'string') {
      console.warn(`not covered: ${found}`);
      return;
    }
    const { secondsAfterFinished, ...ending } = await run(adapter);
    expect(ending).toMatchObject({ code: 0, signal: null, output: 'finished\n' });
    expect(secondsAfterFinished).toBeLessThan(SECONDS_TO_END);
  },
);
