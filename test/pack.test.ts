// The packed package in an empty project: it type-checks, runs, and its browser entry has no dependency.

import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const INSTALL = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];

const SCRIPT = `import { AdamW, add, backward, Device, matmul, mean, square, type Tensor } from 'shadegrad';
import { TRAIN_DEFAULTS } from 'shadegrad/llm';
const device: Device = await Device.open({ announce: null });
const [x, w] = [device.ones([16, 3]), device.zeros([3, 1]).requireGrad()];
const optimizer = new AdamW([['w', w]], { lr: 0.1 });
function step(): Tensor {
  const loss = mean(square(add(matmul(x, w), -1)));
  backward(loss);
  optimizer.step({ zeroGrad: true });
  return loss;
}
console.log(TRAIN_DEFAULTS.width, await device.scope(step).item(), await device.scope(step).item());
`;

let folder: string;
let project: string;

/** Standard output; throws with all output when the command fails. */
async function run(command: string, args: readonly string[], cwd = project): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { cwd })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${error}\n${stdout}\n${stderr}`);
  }
}

// Built in a copy: other tests use the dist/ of the working tree meanwhile.
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-pack-'));
  const copy = join(folder, 'copy');
  project = join(folder, 'project');
  for (const each of [copy, project]) mkdirSync(each);
  const files = [
    'src',
    'kernels',
    'bench',
    'test/reference',
    'build.js',
    'package.json',
    'tsconfig.json',
    'LICENSE',
  ];
  const filter = (path: string) => !path.includes('node_modules'); // bench/peers installs its own
  for (const name of [...files, 'tsconfig.build.json', 'README.md']) {
    cpSync(join(root, name), join(copy, name), { recursive: true, filter });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  await run(process.execPath, ['build.js', '--types'], copy);
  await run(npm, ['pack', '--ignore-scripts', '--pack-destination', folder], copy);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  await run(npm, ['install', ...INSTALL, join(folder, tarball)]);
  writeFileSync(join(project, 'script.ts'), SCRIPT);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles script.ts without @webgpu/types, and with the declarations of all that it imports checked. */
async function compile(module: string, moduleResolution: string): Promise<string> {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    module,
    moduleResolution,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: [],
  };
  const config = { compilerOptions, files: ['script.ts'] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
}

it.each([
  ['esnext', 'bundler'],
  ['nodenext', 'nodenext'],
])(
  'a script type-checks against the declarations (module %s, resolution %s), and runs',
  async (...how) => {
    expect(await compile(...how)).toBe('');
    const [width, first, second] = (await run(process.execPath, ['script.js']))
      .split(' ')
      .map(Number);
    expect(width).toBe(64);
    expect(first).toBe(1);
    expect(second).toBeCloseTo(0.7 ** 2, 5);
  },
);

it('a call that the declarations forbid does not type-check', async () => {
  writeFileSync(join(project, 'script.ts'), SCRIPT.replace('matmul(x, w)', "matmul(x, 'w')"));
  await expect(compile('esnext', 'bundler')).rejects.toThrow(/script\.ts.*TS2345/);
  writeFileSync(join(project, 'script.ts'), SCRIPT);
});

it('the browser entry bundles without webgpu, and without anything of Node', async () => {
  const { metafile } = await build({
    stdin: {
      contents: "export * from 'shadegrad'; export * from 'shadegrad/llm';",
      resolveDir: project,
    },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    metafile: true,
    write: false,
  });
  const inputs = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>');
  expect(inputs.length).toBeGreaterThan(0);
  expect(inputs.filter((path) => !path.includes('shadegrad/dist/browser/'))).toEqual([]);
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports);
  expect(outside).toEqual([]);
});

it('the command is there', async () => {
  const command = join(project, 'node_modules/.bin/shadegrad');
  expect(await run(command, ['--help'])).toContain('train');
});
