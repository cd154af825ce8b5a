// Builds dist/: the library for Node and for browsers, the command, the types; with --demos the pages too.
// The browser bundle has no dependencies. WGSL loses its comments, line by line, so that error lines stay.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const RUNTIME_LIMIT_KB = 80; // gzipped, for the tensor runtime in a browser

const wgsl = {
  name: 'wgsl',
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, ({ path }) => ({
      contents: minify(readFileSync(path, 'utf8').trimEnd()),
      loader: 'text',
    }));
  },
};

/** Without comments, and without spaces beside brackets, commas and between operands; every line stays where it was. */
function minify(text) {
  const lines = text.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim());
  const joined = lines.map((line) => line.replace(/ *([(){}[\],;:<>]) */g, '$1'));
  return joined
    .map((line) => line.replace(/(?<=[\w)\]]) ([-+*/%^!=]?=|[-+*/%^]|[&|]{1,2}) (?=[\w(!])/g, '$1'))
    .join('\n');
}

// What users install stays outside the bundles; uPlot's text goes into the reports.
const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const installed = [...Object.keys(dependencies), ...Object.keys(optionalDependencies)];

const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  plugins: [wgsl],
  metafile: true,
  logLevel: 'warning',
};

async function buildLibrary() {
  rmSync('dist', { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: {
      'node/index': 'src/index.ts',
      'node/llm': 'src/llm/index.ts',
      'node/rl': 'src/rl/index.ts',
      'node/posttrain': 'src/posttrain/index.ts',
      cli: 'src/cli/main.ts',
    },
    outdir: 'dist',
    chunkNames: 'node/[name]-[hash]',
    splitting: true, // the entries share one Tensor class
    platform: 'node',
    target: 'node20',
    external: installed,
  });
  const browser = await build({
    ...common,
    entryPoints: {
      'browser/index': 'src/index.ts',
      'browser/llm': 'src/llm/index.ts',
      'browser/rl': 'src/rl/index.ts',
      'browser/posttrain': 'src/posttrain/index.ts',
    },
    outdir: 'dist',
    chunkNames: 'browser/[name]-[hash]',
    splitting: true,
    platform: 'browser',
    minify: true,
  });
  return browser.metafile;
}

/** The runtime alone, as a page that imports the tensor entry would load it. */
async function reportSize() {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: ['src/index.ts'],
    platform: 'browser',
    minify: true,
    write: false,
    outdir: 'unused',
  });
  const gzipped = gzipSync(outputFiles[0].contents).length / 1024;
  const [output] = Object.values(metafile.outputs);
  const kernels = Object.entries(output.inputs)
    .filter(([path]) => path.endsWith('.wgsl'))
    .map(
      ([path, { bytesInOutput }]) =>
        `${relative('kernels', path).replace('.wgsl', '')} ${(bytesInOutput / 1024).toFixed(1)}`,
    );
  console.log(
    `browser runtime: ${gzipped.toFixed(1)} KB gzipped of ${RUNTIME_LIMIT_KB}; kernels (KB before gzip): ${kernels.join(', ')}`,
  );
  if (gzipped > RUNTIME_LIMIT_KB)
    throw new Error(`the browser runtime is over ${RUNTIME_LIMIT_KB} KB gzipped`);
}

function buildTypes() {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  const files = readdirSync('dist/types', { recursive: true }).filter((name) =>
    /\.d\.ts$/.test(name),
  );
  for (const path of files.map((name) => join('dist/types', name))) {
    writeFileSync(path, portable(readFileSync(path, 'utf8'), path));
  }
}

/** Declarations as other projects can read them, which know neither our aliases nor, maybe, `Symbol.dispose`. */
function portable(text, path) {
  const { imports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const resolved = text.replace(/'(#\w+)'/g, (_, alias) => {
    const target = relative(dirname(path), join('dist/types', imports[alias].node));
    return `'${target.startsWith('.') ? target : `./${target}`}'`;
  });
  const disposes = /\[Symbol\.dispose\]|\bDisposable\b/.test(text);
  return disposes ? `/// <reference lib="esnext.disposable" />\n${resolved}` : resolved;
}

/** Each folder of demos/ becomes a page of static files with relative paths, which any web server can serve. */
async function buildDemos() {
  const files = readdirSync('demos', { recursive: true }).map((file) => join('demos', file));
  const entryPoints = files.filter((file) =>
    ['style.css', 'main.ts', 'worker.ts'].includes(basename(file)),
  );
  await build({
    ...common,
    entryPoints,
    outbase: 'demos',
    outdir: 'dist/demos',
    chunkNames: 'shared/[name]-[hash]',
    splitting: true,
    platform: 'browser',
    minify: true,
  });
  for (const file of files.filter((name) => /\.(html|svg)$/.test(name))) {
    mkdirSync(dirname(join('dist', file)), { recursive: true });
    cpSync(file, join('dist', file));
  }
  cpSync('kernels', 'dist/demos/kernels/wgsl', { recursive: true }); // to be read and edited, comments and all
  await buildServiceWorker();
}

/** It keeps all files of the pages under a name of their content, so that a change of any is a new cache. */
async function buildServiceWorker() {
  const files = readdirSync('dist/demos', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative('dist/demos', join(entry.parentPath, entry.name)))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join('dist/demos', file)));
  const urls = files.map((file) => file.replace(/(^|\/)index\.html$/, '$1') || './');
  await build({
    ...common,
    entryPoints: ['demos/sw.ts'],
    outdir: 'dist/demos',
    minify: true,
    define: {
      FILES: JSON.stringify(urls),
      CACHE: JSON.stringify(hash.digest('hex').slice(0, 16)),
    },
  });
}

await buildLibrary();
await reportSize();
if (process.argv.includes('--types')) buildTypes();
if (process.argv.includes('--demos')) await buildDemos();
writeFileSync('dist/package.json', '{ "type": "module" }\n');
