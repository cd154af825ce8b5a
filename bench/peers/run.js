// npm run bench:peers: installs the peers where they are missing, bundles the bench, and runs it.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = dirname(fileURLToPath(import.meta.url));
const modules = join(folder, 'node_modules');
// Inside node_modules, so that the bundle finds the peers, and no tool takes it for source.
const bundle = join(modules, '.cache/shadegrad');

/** Whether what is installed is what the lock file says: npm keeps a copy of it. */
function installed() {
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return false;
  const versions = (path) => {
    const { packages } = JSON.parse(readFileSync(path, 'utf8'));
    const direct = Object.keys(JSON.parse(readFileSync(join(folder, 'package.json'))).dependencies);
    return direct.map((name) => packages[`node_modules/${name}`]?.version).join();
  };
  return versions(record) === versions(join(folder, 'package-lock.json'));
}

if (!installed()) {
  console.error('installing the peers into bench/peers/node_modules (600 MB)');
  // Scripts stay off: that of onnxruntime-node downloads CUDA.
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
}

const peers = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).dependencies;
const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(join(folder, '../../package.json'), 'utf8'),
);
await build({
  entryPoints: { main: join(folder, 'main.ts'), child: join(folder, 'child.ts') },
  outdir: bundle,
  bundle: true,
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  platform: 'node',
  target: 'node20',
  loader: { '.wgsl': 'text', '.py': 'text' },
  external: Object.keys({ ...dependencies, ...optionalDependencies, ...peers }),
  logLevel: 'warning',
});
const { status } = spawnSync(
  process.execPath,
  [join(bundle, 'main.mjs'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
