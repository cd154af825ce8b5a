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

/** Files that leave something in their process (a mocked module, an environment, a lost device) or measure it. */
const APART = [
  'test/gpu/**',
  'test/io/**',
  'test/cli/**',
  'test/bench/tune.test.ts',
  'test/llm/device_loss.test.ts',
  'test/layers.test.ts',
  'test/memory.test.ts',
  'test/pack.test.ts',
];

/** Files that take long on SwiftShader begin first: at the end of the run none is then left alone. */
const LONGEST = [
  'browser/train_memory',
  'browser/pages',
  'browser/rlhf_page',
  'browser/storage_faults',
  'browser/reasoning_page',
  'cli/train_kill',
  'cli/finetune',
  'cli/label_reward',
  'cli/chat',
  'cli/train.test',
  'cli/grpo',
  'llm/device_loss',
  'memory',
  'ops_large',
  'posttrain/fixed_points',
  'ops/attention_variants',
  'test/ops.test',
  'rl/chain_experiment',
  'llm/chain_of_thought',
  'llm/resume',
  'llm/trainer',
  'test/kernels',
  'bench/run',
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

const BROWSER = 'test/browser/**/*.test.ts';
const EXCLUDED = ['test/long/**', 'node_modules/**'];

export default defineConfig({
  plugins: [filesAsText],
  test: {
    pool: 'forks', // Dawn crashes in worker threads
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Every file opens a device; that it is a software adapter need not be said each time.
    onConsoleLog: (log) => !log.startsWith('no GPU is used'),
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One after another: those apart, the pages, what shares a device.
    projects: [
      {
        extends: true,
        test: {
          name: 'apart',
          sequence: { groupOrder: 0 },
          include: APART.map((path) => path.replace('/**', '/**/*.test.ts')),
          exclude: EXCLUDED,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          sequence: { groupOrder: 1 },
          maxWorkers: 3, // a page waits now and then: two leave a tenth of two cores idle
          isolate: false,
          include: [BROWSER],
          exclude: EXCLUDED,
        },
      },
      {
        extends: true,
        test: {
          name: 'together',
          sequence: { groupOrder: 2 },
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: [...EXCLUDED, ...APART, BROWSER],
        },
      },
    ],
  },
});
