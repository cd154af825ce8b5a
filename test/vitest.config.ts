import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** `import source from './x.wgsl' with { type: 'text' }`, as esbuild takes it natively. */
const filesAsText = {
  name: 'files-as-text',
  enforce: 'pre' as const,
  load(id: string) {
    return id.endsWith('.wgsl') || id.endsWith('.py')
      ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}`
      : null;
  },
};

/** Files that take a minute or more on SwiftShader begin first: at the end of the run none is then left alone. */
const LONGEST = [
  'cli/train_kill',
  'ops/matmul_variants',
  'llm/resume',
  'ops_large',
  'ops/attention_variants',
  'llm/trainer',
  'llm/classify_experiment',
  'test/ops.test',
  'cli/train.test',
  'memory',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.includes(name));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  plugins: [filesAsText],
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**', 'node_modules/**'],
    pool: 'forks', // Dawn crashes in worker threads
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Every file opens a device; that it is a software adapter need not be said each time.
    onConsoleLog: (log) => !log.startsWith('no GPU is used'),
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
