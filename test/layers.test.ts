// The house (design, section 1): imports point only to the left, and each layer keeps what it alone may know.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

/** From left to right; those of one line do not know each other. `api` is src/index.ts, the public entry. */
const ORDER: readonly (readonly string[])[] = [
  ['errors'],
  ['gpu'],
  ['tensor'],
  ['ops'],
  ['nn', 'optim'],
  ['io'],
  ['text'],
  ['llm', 'rl', 'api'],
  ['posttrain'],
  ['bench'],
  ['cli', 'demos'],
];

/** Demos and benchmarks are users: they may come in through the public entry. */
const ENTRY = 'src/index.ts';

/** Files that run in Node only, and are loaded only there. */
const NODE_FILES = [
  'src/gpu/platform_node.ts',
  'src/gpu/vulkan_linux.ts',
  'src/gpu/swiftshader.ts',
  'src/gpu/archive.ts',
  'src/gpu/store_node.ts',
  'src/io/folder_node.ts',
];

const MOST_LINES = 400;

interface Import {
  readonly specifier: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

interface Source {
  readonly path: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const { imports: aliases } = JSON.parse(readFileSync('package.json', 'utf8'));

/** A path for a file of ours, else the specifier as it is. */
function resolve(from: string, specifier: string): string {
  const local: string = aliases[specifier]?.node ?? specifier;
  if (local !== specifier) return normalize(local);
  return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : specifier;
}

const STATEMENT = /\b(?:import|export)\s+(type\s+)?([^'";]*?)\bfrom\s*'([^']+)'/g;
const DYNAMIC = /(typeof\s+)?\bimport\(\s*'([^']+)'\s*\)/g;

function importsOf(path: string, code: string): Import[] {
  const onlyTypes = (names: string) =>
    /^\{.*\}\s*$/s.test(names) &&
    names
      .slice(1, names.lastIndexOf('}'))
      .split(',')
      .every((name) => /^\s*(type\s|$)/.test(name));
  const stated = [...code.matchAll(STATEMENT)].map(([, type, names, specifier]) => ({
    specifier: specifier!,
    target: resolve(path, specifier!),
    typeOnly: Boolean(type) || onlyTypes(names!.trim()),
  }));
  const dynamic = [...code.matchAll(DYNAMIC)].map(([, type, specifier]) => ({
    specifier: specifier!,
    target: resolve(path, specifier!),
    typeOnly: Boolean(type),
  }));
  return [...stated, ...dynamic];
}

function readSource(path: string): Source {
  const text = readFileSync(path, 'utf8');
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
  return { path, text, code, imports: importsOf(path, code) };
}

const sources = ['src', 'bench', 'demos'].filter(existsSync).flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .filter((name) => !name.includes('node_modules'))
    .map((name) => readSource(join(root, name))),
);
const inSrc = sources.filter(({ path }) => path.startsWith('src/'));

/** Undefined for what is no code of a layer: kernels, packages, package.json. */
function layerOf(path: string): string | undefined {
  if (path === ENTRY) return 'api';
  if (path === 'src/errors.ts') return 'errors';
  const [root, folder] = path.split('/');
  if (root === 'src') return folder;
  return root === 'bench' || root === 'demos' ? root : undefined;
}

const columnOf = (layer: string) => ORDER.findIndex((column) => column.includes(layer));

const arrows = (some: readonly Source[]) =>
  some.flatMap(({ path, imports }) => imports.map((each) => ({ from: path, ...each })));

const shown = (some: readonly { from: string; target: string }[]) =>
  some.map(({ from, target }) => `${from} -> ${target}`);

/** Whether an import goes to the left, or stays within its layer. */
function pointsLeft(from: string, target: string): boolean {
  const [source, sink] = [layerOf(from)!, layerOf(target)];
  return sink === undefined || source === sink || columnOf(sink) < columnOf(source);
}

describe('layers', () => {
  it('are all in the order', () => {
    const layers = new Set(sources.map(({ path }) => layerOf(path)!));
    expect([...layers].filter((layer) => columnOf(layer) < 0)).toEqual([]);
  });

  it('import only what is to their left', () => {
    const wrong = arrows(sources).filter(({ from, target }) => !pointsLeft(from, target));
    expect(shown(wrong)).toEqual([]);
  });

  it('is a check that refuses what it should', () => {
    expect(pointsLeft('src/ops/x.ts', 'src/nn/linear.ts')).toBe(false);
    expect(pointsLeft('src/llm/x.ts', 'src/rl/y.ts')).toBe(false);
    expect(pointsLeft('src/nn/x.ts', 'src/ops/y.ts')).toBe(true);
    expect(importsOf('src/ops/x.ts', "import { a, type B } from '../nn/y.ts';")).toEqual([
      { specifier: '../nn/y.ts', target: 'src/nn/y.ts', typeOnly: false },
    ]);
    const others = importsOf('src/x.ts', "export { type A } from './y.ts'; import('#platform')");
    expect(others.map(({ target, typeOnly }) => [target, typeOnly])).toEqual([
      ['src/y.ts', true],
      ['src/gpu/platform_node.ts', false],
    ]);
  });
});

describe('what one layer alone may know', () => {
  const outside = (...folders: string[]) =>
    sources.filter(({ path }) => !folders.some((folder) => path.startsWith(folder)));
  const containing = (some: readonly Source[], pattern: RegExp) =>
    some.filter(({ code }) => pattern.test(code)).map(({ path }) => path);

  it('kernels are imported by ops, lib/ by the pipelines, env/ by the environments, the bench by itself', () => {
    const allowed = (from: string, kernel: string) => {
      if (kernel.startsWith('kernels/lib/')) return from === 'src/gpu/pipelines.ts';
      if (kernel.startsWith('kernels/env/')) return from.startsWith('src/rl/env/');
      if (kernel.startsWith('bench/kernels/')) return from.startsWith('bench/');
      return from.startsWith('src/ops/');
    };
    const kernels = arrows(sources).filter(({ target }) => target.endsWith('.wgsl'));
    expect(kernels.length).toBeGreaterThan(0);
    expect(shown(kernels.filter(({ from, target }) => !allowed(from, target)))).toEqual([]);
  });

  it('GPUBuffer and GPUDevice occur in gpu/ only', () => {
    expect(containing(outside('src/gpu/'), /\bGPU(Buffer|Device)\b/)).toEqual([]);
  });

  it('Math.random and Date occur in cli/ only', () => {
    const library = inSrc.filter(({ path }) => !path.startsWith('src/cli/'));
    expect(containing(library, /\bMath\.random\b|\bDate\b/)).toEqual([]);
  });

  it('modules of Node are imported by the files for Node and by commands only', () => {
    const node = arrows(inSrc).filter(({ target }) => target.startsWith('node:'));
    const allowed = (from: string) => from.startsWith('src/cli/') || NODE_FILES.includes(from);
    expect(shown(node.filter(({ from }) => !allowed(from)))).toEqual([]);
  });

  it('files for Node are imported by each other, by #platform and #folder, and by commands only', () => {
    const into = arrows(inSrc).filter(({ target }) => NODE_FILES.includes(target));
    const allowed = ({ from, specifier }: { from: string; specifier: string }) =>
      NODE_FILES.includes(from) || from.startsWith('src/cli/') || specifier.startsWith('#');
    expect(shown(into.filter((each) => !allowed(each)))).toEqual([]);
  });

  it('packages are used by commands, Dawn by the platform and MuJoCo by its chain; the rest of src/ has no dependency', () => {
    const isPackage = (target: string) => /^[a-z@]/.test(target) && !existsSync(target);
    const packages = arrows(inSrc).filter(
      ({ target }) => isPackage(target) && !target.startsWith('node:'),
    );
    const ALLOWED: Readonly<Record<string, string>> = {
      'src/gpu/platform_node.ts': 'webgpu',
      'src/rl/env/chain.ts': '@mujoco/mujoco',
    };
    const allowed = ({ from, target }: { from: string; target: string }) =>
      from.startsWith('src/cli/') || ALLOWED[from] === target;
    expect(shown(packages.filter((each) => !allowed(each)))).toEqual([]);
  });
});

describe('files', () => {
  it(`have at most ${MOST_LINES} lines`, () => {
    const long = sources.filter(({ text }) => text.split('\n').length - 1 > MOST_LINES);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  // The derivative of an op is made of other ops, so the files in ops/ do import each other in circles. They call each
  // other only after all were evaluated; the next test loads each one first to see that none needs another before.
  it('do not import each other in circles, but for ops/', () => {
    const graph = new Map(
      inSrc.map(({ path, imports }) => [
        path,
        imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
      ]),
    );
    const reaches = (from: string, goal: string) => {
      const seen = new Set(graph.get(from));
      for (const path of seen) for (const next of graph.get(path) ?? []) seen.add(next);
      return seen.has(goal);
    };
    const circular = inSrc
      .map(({ path }) => path)
      .filter((path) => !path.startsWith('src/ops/') && reaches(path, path));
    expect(circular).toEqual([]);
  });

  it.each(inSrc.map(({ path }) => path).filter((path) => path.startsWith('src/ops/')))(
    '%s can be loaded first',
    async (path) => {
      vi.resetModules();
      await expect(import(/* @vite-ignore */ `../${path}`)).resolves.toBeDefined();
    },
  );
});
