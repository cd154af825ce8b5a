import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** `import source from './x.wgsl' with { type: 'text' }`, as esbuild takes it natively. */
const wgslAsText = {
  name: 'wgsl-as-text',
  enforce: 'pre' as const,
  load(id: string) {
    return id.endsWith('.wgsl')
      ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}`
      : null;
  },
};

export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**', 'node_modules/**'],
    pool: 'forks', // Dawn crashes in worker threads
    maxWorkers: 2,
    // Every file opens a device; that it is a software adapter need not be said each time.
    onConsoleLog: (log) => !log.startsWith('no GPU is used'),
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
