// The policy whose parameters are the logits of its actions: its scores, and what a baseline does to the gradient (lecture S0,
// the picture on the simplex).
//
//   p = sm(z)        u_j = ∇_z ln p_j = e_j - p        g = Σ_j p_j (A_j - b) u_j = p ∘ (A - Σ_j p_j A_j)
//
// Σ_j p_j u_j = 0: a baseline moves every term (A_j - b) u_j and never their mean.

/** sm(z), which z + const has too. */
export function softmaxOf(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const weights = logits.map((z) => Math.exp(z - most));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

/** u_j of each action j. */
export function actionScores(probabilities: readonly number[]): number[][] {
  return probabilities.map((_, j) => probabilities.map((p, i) => Number(i === j) - p));
}

export interface ExpectedGradient {
  /** E[(A_j - b) u_j], by the logits. */
  readonly mean: readonly number[];
  /** E ‖(A_j - b) u_j - mean‖²: how far the estimate by one drawn action is from it. */
  readonly variance: number;
}

/** Of an action that is drawn from p. @param advantages A_j, one per action */
export function expectedGradient(
  probabilities: readonly number[],
  advantages: readonly number[],
  baseline = 0,
): ExpectedGradient {
  const terms = actionScores(probabilities).map((u, j) =>
    u.map((x) => (advantages[j]! - baseline) * x),
  );
  const expected = (f: (term: readonly number[]) => number) =>
    terms.reduce((sum, term, j) => sum + probabilities[j]! * f(term), 0);
  const mean = probabilities.map((_, i) => expected((term) => term[i]!));
  const variance = expected((term) => term.reduce((sum, x, i) => sum + (x - mean[i]!) ** 2, 0));
  return { mean, variance };
}
