// Which files of kernels/ the items of a family launch, the likely one first.

const FILES: Readonly<Record<string, readonly string[]>> = {
  matmul: ['matmul', 'matmul_broadcast', 'matmul_rows', 'matmul_split'],
  softmax: ['softmax'],
  norm: ['norm'],
  'cross-entropy': ['cross_entropy'],
  attention: [
    'attention_tiles',
    'attention_subgroups',
    'attention_rows',
    'attention',
    'attention_single',
  ],
  embedding: ['embedding', 'sort'],
  adamw: ['adamw'],
  gae: ['gae'],
  ppo: ['ppo'],
  convolution: ['unfold', 'matmul', 'matmul_broadcast'],
};

/** Of those that software adapters take. */
const ON_CPU: Readonly<Record<string, string>> = {
  matmul: 'matmul_broadcast',
  attention: 'attention_subgroups',
};

export function filesOf(family: string, software: boolean): readonly string[] {
  const files = FILES[family] ?? [];
  const first = software ? ON_CPU[family] : undefined;
  return first ? [first, ...files.filter((file) => file !== first)] : files;
}

export const LIBRARY = [
  'math',
  'reduce',
  'rows',
  'elements',
  'random',
  'matrix',
  'packed',
  'attention',
];
