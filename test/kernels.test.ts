// Every file in kernels/ keeps the rules by which the launcher binds it, compiles as it stands, and is used.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKernel, stripComments } from '../src/gpu/wgsl.ts';
import { Device } from '../src/ops/device.ts';

const filesUnder = (folder: string, extension: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

const all = filesUnder('kernels', '.wgsl');
const library = all.filter((path) => path.startsWith(join('kernels', 'lib')));
/** What follows every environment's equations, and has their entry points. */
const VECTOR = join('kernels', 'env', 'lib', 'vector.wgsl');
const kernels = all.filter((path) => !library.includes(path) && path !== VECTOR);
const isEnvironment = (path: string) => path.startsWith(join('kernels', 'env'));
const isEnvironmentLauncher = ({ path }: { path: string }) =>
  path === join('src', 'rl', 'kernel_environment.ts');

const read = (path: string) => readFileSync(path, 'utf8');
/** As it is compiled, but for the library. */
const whole = (path: string) =>
  isEnvironment(path) ? `${read(path)}\n${read(VECTOR)}` : read(path);
const sources = filesUnder('src', '.ts').map((path) => ({ path, text: read(path) }));

interface Variable {
  readonly name: string;
  readonly group: number;
  readonly binding: number;
  readonly access: string; // 'uniform', 'storage, read' or 'storage, read_write'
}

const DECLARATION = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]*)>\s*(\w+)/g;

function variablesOf(code: string): Variable[] {
  return [...code.matchAll(DECLARATION)].map(([, group, binding, access, name]) => ({
    name: name!,
    group: Number(group),
    binding: Number(binding),
    access: access!.replace(/\s*,\s*/, ', ').trim(),
  }));
}

interface Func {
  readonly parameters: string;
  readonly body: string;
}

/** The functions of a file, by name. */
function functionsOf(code: string): Map<string, Func> {
  const found = new Map<string, Func>();
  for (const { 1: name, index } of code.matchAll(/\bfn\s+(\w+)\s*\(/g)) {
    const open = code.indexOf('(', index);
    const close = closing(code, open);
    const body = code.indexOf('{', close);
    found.set(name!, {
      parameters: code.slice(open, close),
      body: code.slice(body, closing(code, body)),
    });
  }
  return found;
}

const CLOSES: Readonly<Record<string, string>> = { '(': ')', '{': '}' };

/** Where the bracket that opens at `open` closes. */
function closing(code: string, open: number): number {
  const opener = code[open]!;
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === opener) depth++;
    if (code[at] === CLOSES[opener] && --depth === 0) return at;
  }
  throw new Error(`the ${opener} at ${open} does not close`);
}

/** The variables that an entry point uses, itself or through the functions that it calls. */
function usedBy(entry: string, code: string): Variable[] {
  const functions = functionsOf(code);
  const reached = new Set([entry]);
  for (const name of reached) {
    for (const [, called] of functions.get(name)!.body.matchAll(/\b(\w+)\s*\(/g)) {
      if (functions.has(called!)) reached.add(called!);
    }
  }
  const within = [...reached].map((name) => functions.get(name)!);
  return variablesOf(code).filter(({ name }) => {
    const use = new RegExp(`(?<![.\\w])${name}\\b`);
    // A parameter or a local of that name is another thing, though `let x = x[i]` still reads the variable.
    const own = new RegExp(`\\b${name}\\s*:|\\b(?:let|var)\\s+${name}\\b(?!\\s*=\\s*${name}\\b)`);
    return within.some(({ parameters, body }) => use.test(body) && !own.test(parameters + body));
  });
}

const entries = kernels.flatMap((path) => {
  const file = readKernel(path, whole(path));
  const code = stripComments(file.text);
  return file.entries.map((entry) => ({ path, file, entry, used: usedBy(entry, code) }));
});
const named = entries.map((each) => [`${each.path} ${each.entry}`, each] as const);

describe('every file', () => {
  it.each(all)('%s opens with a comment', (path) => {
    expect(read(path)).toMatch(/^\/\/ \S/);
  });

  it.each(all)('%s has no float atomics', (path) => {
    expect(stripComments(read(path))).not.toMatch(/atomicCompareExchangeWeak|atomic<f32>/);
  });

  it.each(library)(
    '%s has no entry point and no bindings: it is put behind every kernel',
    (path) => {
      expect(stripComments(read(path))).not.toMatch(/@compute|@binding/);
    },
  );
});

describe('every entry point', () => {
  it.each(named)(
    '%s binds its tensors in group 0, without gaps, inputs before outputs',
    (_, { used }) => {
      const tensors = used.filter(({ group }) => group === 0).sort((a, b) => a.binding - b.binding);
      expect(tensors.map(({ binding }) => binding)).toEqual([...tensors.keys()]);
      const accesses = tensors.map(({ access }) => access);
      const inputs = accesses.filter((access) => access === 'storage, read');
      const outputs = accesses.filter((access) => access === 'storage, read_write');
      expect(accesses).toEqual([...inputs, ...outputs]);
      expect(outputs.length).toBeGreaterThan(0);
    },
  );

  it.each(named)('%s has nothing but its parameters beside them, in group 1', (_, { used }) => {
    const others = used.filter(({ group }) => group !== 0);
    expect(others.filter(({ name }) => name !== 'params')).toEqual([]);
    for (const params of others)
      expect(params).toMatchObject({ group: 1, binding: 0, access: 'uniform' });
  });

  it.each(named)('%s needs at most 8 storage buffers', (_, { used }) => {
    expect(used.filter(({ group }) => group === 0).length).toBeLessThanOrEqual(8);
  });

  /** Launched with a bounded number of workgroups, which stride over what is left. */
  const BOUNDED = ['grad_norm.wgsl squares'];

  it.each(named.filter(([name]) => !BOUNDED.some((bounded) => name.endsWith(bounded))))(
    '%s folds: if it asks which workgroup it is, it asks how many there are along x',
    (_, { file, entry }) => {
      const { parameters } = functionsOf(stripComments(file.text)).get(entry)!;
      expect(parameters).not.toContain('global_invocation_id');
      if (parameters.includes('workgroup_id')) expect(parameters).toContain('num_workgroups');
    },
  );

  it.each(named)('%s is launched by the file that imports its kernel', (_, { path, entry }) => {
    const imported = isEnvironment(path) ? [path, VECTOR] : [path];
    const importers = sources.filter(({ text }) =>
      imported.every((each) => text.includes(`${each}' with { type: 'text' }`)),
    );
    expect(importers.map((importer) => importer.path)).not.toEqual([]);
    const launcher = isEnvironment(path) ? sources.filter(isEnvironmentLauncher) : importers;
    expect(launcher.some(({ text }) => text.includes(`'${entry}'`))).toBe(true);
  });
});

describe('on the adapter', () => {
  let device: Device;

  beforeAll(async () => {
    device = await Device.open();
  });

  afterAll(() => device.destroy());

  it.each(named)('%s compiles as it stands', async (_, { file, entry, used }) => {
    const count = (access: string) => used.filter((variable) => variable.access === access).length;
    await device.gpu.pipelines.check({ file, entry });
    await device.gpu.pipelines.prepare(
      { file, entry },
      count('storage, read'),
      count('storage, read_write'),
    );
    await device.sync();
  });
});

describe('the reflection', () => {
  const code = stripComments(`
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @group(0) @binding(2) var<storage,read_write> z: array<f32>; // @binding(9)
    @group(1) @binding(0) var<uniform> params: Params;
    fn helper(i: u32) -> f32 { if (i > 0u) { return x[i]; } return 0f; }
    @compute @workgroup_size(64) fn one(@builtin(workgroup_id) g: vec3u) { y[g.x] = helper(params.n); }
    @compute @workgroup_size(64) fn two(@builtin(workgroup_id) g: vec3u) { z[g.x] = 1f; }`);

  it('sees what an entry point uses through functions, and nothing that another one uses', () => {
    expect(usedBy('one', code).map(({ name }) => name)).toEqual(['x', 'y', 'params']);
    expect(usedBy('two', code)).toEqual([
      { name: 'z', group: 0, binding: 2, access: 'storage, read_write' },
    ]);
  });
});
