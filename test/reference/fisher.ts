// The Fisher matrix of a small policy in float64: π(a | s) = softmax(W₂ tanh(W₁ s + b₁) + b₂), and dense linear algebra.

export interface SmallPolicy {
  readonly inputs: number;
  readonly hidden: number;
  readonly actions: number;
}

/** Shapes of W₁, b₁, W₂, b₂, in the order of the flat vector θ. */
export const shapesOf = ({ inputs, hidden, actions }: SmallPolicy): number[][] => [
  [hidden, inputs],
  [hidden],
  [actions, hidden],
  [actions],
];

/** The logits of one state. */
export function logitsOf(policy: SmallPolicy, theta: Float64Array, state: Float64Array) {
  const { inputs, hidden, actions } = policy;
  const [b1, W2] = [hidden * inputs, hidden * inputs + hidden];
  const b2 = W2 + actions * hidden;
  const h = Array.from({ length: hidden }, (_, j) => {
    let sum = theta[b1 + j]!;
    for (let i = 0; i < inputs; i++) sum += theta[j * inputs + i]! * state[i]!;
    return Math.tanh(sum);
  });
  return Float64Array.from({ length: actions }, (_, k) =>
    h.reduce((sum, value, j) => sum + theta[W2 + k * hidden + j]! * value, theta[b2 + k]!),
  );
}

export function softmaxOf(logits: Float64Array): Float64Array {
  const top = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - top));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((p) => p / total);
}

/** The mean over states of KL(π_old ‖ π). */
export function meanKl(
  policy: SmallPolicy,
  old: Float64Array,
  theta: Float64Array,
  states: readonly Float64Array[],
): number {
  let total = 0;
  for (const state of states) {
    const [p, q] = [old, theta].map((each) => softmaxOf(logitsOf(policy, each, state)));
    for (const [a, pa] of p!.entries()) total += pa * Math.log(pa / q![a]!);
  }
  return total / states.length;
}

/** F = mean over states of Jᵀ (diag π - π πᵀ) J, J = d logits / dθ by central differences. */
export function fisher(
  policy: SmallPolicy,
  theta: Float64Array,
  states: readonly Float64Array[],
): Float64Array[] {
  const n = theta.length;
  const F = Array.from({ length: n }, () => new Float64Array(n));
  const step = 1e-6;
  for (const state of states) {
    const pi = softmaxOf(logitsOf(policy, theta, state));
    const columns = Array.from(theta, (_, i) => {
      const moved = (by: number) =>
        logitsOf(policy, theta.with(i, theta[i]! + by), state) as Float64Array;
      const [ahead, behind] = [moved(step), moved(-step)];
      return ahead.map((z, a) => (z - behind[a]!) / (2 * step));
    });
    const means = columns.map((column) => inner(pi, column));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let second = 0;
        for (const [a, p] of pi.entries()) second += p * columns[i]![a]! * columns[j]![a]!;
        F[i]![j]! += (second - means[i]! * means[j]!) / states.length;
      }
    }
  }
  return F;
}

export const inner = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

export const times = (A: readonly Float64Array[], v: Float64Array): Float64Array =>
  Float64Array.from(A, (row) => inner(row, v));

/** x of A x = b, by elimination with pivoting. */
export function solve(A: readonly Float64Array[], b: Float64Array): Float64Array {
  const n = b.length;
  const rows = A.map((row, i) => Float64Array.of(...row, b[i]!));
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let i = k; i < n; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[best]![k]!)) best = i;
    [rows[k], rows[best]] = [rows[best]!, rows[k]!];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  return Float64Array.from({ length: n }, (_, i) => rows[i]![n]! / rows[i]![i]!);
}
