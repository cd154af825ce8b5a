import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeviceError } from '../../src/errors.ts';
import { liveInstances, platform } from '../../src/gpu/platform_node.ts';
import { swiftShaderMissing } from '../../src/gpu/swiftshader.ts';

const root = new URL('../..', import.meta.url);
const expected = Array.from({ length: 100 }, (_, i) => i * i);

interface Squares {
  driver: string;
  software: boolean;
  squares: number[];
}

let script: string;
let cache: string;

beforeAll(async () => {
  const entry = fileURLToPath(new URL('squares.ts', import.meta.url));
  const bundled = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    write: false,
  });
  script = bundled.outputFiles[0]!.text;
  cache = await mkdtemp(join(tmpdir(), 'shadegrad-test-'));
});

afterAll(() => rm(cache, { recursive: true, force: true }));

/** Runs squares.ts in a new process, with a cache folder of this test. */
function squares(environment: Record<string, string>): Promise<Squares> {
  const env = { ...process.env, XDG_CACHE_HOME: cache, ...environment };
  const child = spawn(process.execPath, ['--input-type=module', '-'], { cwd: root, env });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (errors += text));
  child.stdin.end(script);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`squares.ts ended with ${code}:\n${errors}`));
    });
  });
}

const packaged = swiftShaderMissing();

// On another system there is nothing to unpack; the last test holds there.
describe.runIf(packaged === null)('the packaged SwiftShader', () => {
  test('computes, in two processes that unpack it at the same time', async () => {
    const forced = { SHADEGRAD_ADAPTER: 'swiftshader' };
    const results = await Promise.all([squares(forced), squares(forced)]);
    for (const result of results) {
      expect(result.driver).toMatch(/swiftshader/i);
      expect(result.software).toBe(true);
      expect(result.squares).toEqual(expected);
    }
  });

  test('takes over when the machine has no usable Vulkan driver', async () => {
    const result = await squares({ SHADEGRAD_ADAPTER: '', VK_DRIVER_FILES: '/nowhere/icd.json' });
    expect(result.driver).toMatch(/swiftshader/i);
    expect(result.squares).toEqual(expected);
  });

  test('leaves the environment as it was, and its instance alive', async () => {
    const before = { ...process.env };
    const found = await platform.findAdapter('swiftshader', {});
    expect({ ...process.env }).toEqual(before);
    expect(liveInstances().has(found.keepAlive as GPU)).toBe(true);
  });
});

test("'hardware' gives no software adapter, and a name that fits none lists the names there are", async () => {
  const hardware = await platform.findAdapter('hardware', {}).catch((error: unknown) => error);
  if (hardware instanceof Error) {
    expect(hardware).toBeInstanceOf(DeviceError);
    expect(hardware.message).toMatch(/For a GPU: \S/);
  } else {
    expect(hardware).toMatchObject({ software: false });
  }
  const unknown = platform.findAdapter('no such adapter', {});
  await expect(unknown).rejects.toThrow(/adapter 'no such adapter': .* give a part of such a name/);
});

test('a way out is named exactly where SwiftShader cannot be had', () => {
  const here = process.platform === 'linux' && process.arch === 'x64';
  if (here) expect(packaged === null || packaged.includes('npm install')).toBe(true);
  else expect(packaged).toContain('Linux on x86-64 only');
});
