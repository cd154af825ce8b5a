// The form of a scaling law (Hoffmann et al. 2022), and what follows from it.
//
//   L(N, D) = E + A / N^alpha + B / D^beta        N parameters, D tokens, L nats per token

export interface ScalingLaw {
  /** The loss that is left with any model and any amount of data: the entropy of the source. */
  readonly E: number;
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** What one training run says: the loss of a model of `parameters` after `tokens`. */
export interface Observation {
  readonly parameters: number;
  readonly tokens: number;
  readonly loss: number;
}

export function predictLoss(
  { E, A, B, alpha, beta }: ScalingLaw,
  { parameters, tokens }: { parameters: number; tokens: number },
): number {
  return E + A * parameters ** -alpha + B * tokens ** -beta;
}

/** Floating-point operations of a parameter and a token in training: 2 forward, 4 backward (Kaplan et al. 2020). */
export const FLOPS_PER_PARAMETER_TOKEN = 6;

/**
 * The model and the amount of data that give the lowest loss for C = 6 N D operations. With N D = C / 6 the derivative
 * of L vanishes where alpha A / N^alpha = beta B / D^beta:
 *
 *   N* = G (C/6)^(beta/(alpha+beta))      D* = (C/6) / N*      G = (alpha A / (beta B))^(1/(alpha+beta))
 */
export function computeOptimal(
  law: ScalingLaw,
  flops: number,
): { parameters: number; tokens: number; loss: number } {
  const { A, B, alpha, beta } = law;
  const product = flops / FLOPS_PER_PARAMETER_TOKEN;
  const G = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
  const parameters = G * product ** (beta / (alpha + beta));
  const best = { parameters, tokens: product / parameters };
  return { ...best, loss: predictLoss(law, best) };
}
