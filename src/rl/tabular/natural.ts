// Softmax policies as tables, π = softmax θ[s, ·]: the gradient of J = d0 · V_π and the natural gradient, exactly.
//
//   d_π(s) = (1 - γ) Σ_t γ^t P(s_t = s)                    what is visited; sums to 1
//   ∂J/∂θ[s, a] = d_π(s) π(a|s) A_π(s, a) / (1 - γ)        the policy-gradient theorem
//   F = E_{s ~ d_π, a ~ π}[∇ln π ∇ln πᵀ]                   a block per state: d_π(s) (diag π - π πᵀ)
//   F⁻¹ ∇J = A_π / (1 - γ)                                 up to a constant per state, of which π does not depend
//   E_{s ~ d_π} KL(π_θ+Δ || π_θ) = ½ Δᵀ F Δ + O(Δ³)        the lectures leave out the ½
//
// (Kakade 2001.)

import { ConfigError } from '../../errors.ts';
import { actionAdvantages, evaluatePolicy } from './evaluate.ts';
import { solveLinear } from './linear.ts';
import type { TabularMDP } from './mdp.ts';
import { expectPolicy, type Policy } from './policy.ts';

/** d_π, [S], by dᵀ (I - γ P_π) = (1 - γ) d0ᵀ. @throws ConfigError for γ = 1 */
export function visitation(mdp: TabularMDP, policy: Policy): Float64Array {
  expectPolicy(mdp, policy);
  const { states: S, actions: A, P, d0, gamma } = mdp;
  if (gamma === 1) throw new ConfigError('visitation: expected gamma below 1');
  const matrix = new Float64Array(S * S);
  for (let s = 0; s < S; s++) {
    matrix[s * S + s]! += 1;
    for (let row = s * A; row < (s + 1) * A; row++) {
      for (const { state, probability } of P[row]!)
        matrix[state * S + s]! -= gamma * policy[row]! * probability;
    }
  }
  const b = d0.map((p) => (1 - gamma) * p);
  return solveLinear(matrix, b)!; // γ P_π shrinks: never singular
}

/** ∇J by θ, [S, A]. */
export function policyGradient(mdp: TabularMDP, policy: Policy): Float64Array {
  const d = visitation(mdp, policy);
  const A = actionAdvantages(mdp, evaluatePolicy(mdp, policy));
  return A.map(
    (advantage, row) =>
      (d[Math.floor(row / mdp.actions)]! * policy[row]! * advantage) / (1 - mdp.gamma),
  );
}

/** The block of F that belongs to state s, [A, A]. */
export function fisherBlock(
  { actions: A }: TabularMDP,
  policy: Policy,
  d: Float64Array,
  s: number,
): Float64Array {
  const p = policy.subarray(s * A, (s + 1) * A);
  return Float64Array.from({ length: A * A }, (_, i) => {
    const [a, b] = [Math.floor(i / A), i % A];
    return d[s]! * (Number(a === b) * p[a]! - p[a]! * p[b]!);
  });
}

/** x with F x = ∇J, [S, A]: of all that differ by a constant per state the one that sums to 0 there. */
export function naturalGradient(mdp: TabularMDP, policy: Policy): Float64Array {
  const { states: S, actions: A } = mdp;
  const d = visitation(mdp, policy);
  const g = policyGradient(mdp, policy);
  const x = new Float64Array(S * A);
  for (let s = 0; s < S; s++) {
    if (d[s] === 0) continue;
    // F 1 = 0 and 1ᵀ g = 0: d 1 1ᵀ / A fills the null space and changes nothing else.
    const filled = fisherBlock(mdp, policy, d, s).map((f) => f + d[s]! / A);
    const block = solveLinear(filled, g.slice(s * A, (s + 1) * A));
    if (!block)
      throw new ConfigError(`naturalGradient: in state ${s} an action has no probability left`);
    x.set(block, s * A);
  }
  return x;
}

/** Σ_s d(s) KL(p(· | s) || q(· | s)). */
export function meanKL(d: Float64Array, p: Policy, q: Policy): number {
  const A = p.length / d.length;
  return p.reduce(
    (sum, x, row) => sum + (x > 0 ? d[Math.floor(row / A)]! * x * Math.log(x / q[row]!) : 0),
    0,
  );
}

// ---- how far to go along a direction

/** argmax Δᵀg with ‖Δ‖² ≤ ε: √ε g / ‖g‖. */
export function exactNormalisedStep(g: Float64Array, epsilon: number): Float64Array {
  const norm = Math.sqrt(dot(g, g));
  return g.map((x) => (norm > 0 ? (Math.sqrt(epsilon) * x) / norm : 0));
}

/** argmax Δᵀg with ½ Δᵀ F Δ ≤ ε, where F x = g: √(2ε / gᵀx) x. */
export function exactNaturalStep(g: Float64Array, x: Float64Array, epsilon: number): Float64Array {
  const curvature = dot(g, x);
  return x.map((value) => (curvature > 0 ? Math.sqrt((2 * epsilon) / curvature) * value : 0));
}

const dot = (x: Float64Array, y: Float64Array) =>
  x.reduce((sum, value, i) => sum + value * y[i]!, 0);
