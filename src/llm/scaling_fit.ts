// Fitting scaling laws, in float64: two ways to the same five numbers, and how certain they are.

import { DataError } from '../errors.ts';
import { randomStream } from '../tensor/philox.ts';
import { minimise } from './minimise.ts';
import { type Observation, predictLoss, type ScalingLaw } from './scaling_law.ts';

/** y = a x^k by least squares of ln y on ln x: on logarithmic axes a line. @throws DataError for what has no logarithm. */
export function fitPowerLaw(x: readonly number[], y: readonly number[]): { a: number; k: number } {
  if (x.length !== y.length || new Set(x).size < 2 || ![...x, ...y].every((v) => v > 0)) {
    throw new DataError('fitPowerLaw: expected as many y as x, all above 0, at two x or more');
  }
  const [logX, logY] = [x.map(Math.log), y.map(Math.log)];
  const [meanX, meanY] = [mean(logX), mean(logY)];
  const covariance = sum(logX.map((v, i) => (v - meanX) * (logY[i]! - meanY)));
  const k = covariance / sum(logX.map((v) => (v - meanX) ** 2));
  return { a: Math.exp(meanY - k * meanX), k };
}

// ---- Hoffmann et al. 2022, approach 3

/** Residuals of ln L beyond this count linearly: a run that went wrong does not drag the law along. */
const HUBER_DELTA = 1e-3;

/** Exponents to start from. The other three numbers are those of the least squares there. */
const START_EXPONENTS = [0.1, 0.25, 0.5, 0.8, 1.2];

/** One more than the law has numbers. */
export const LEAST_OBSERVATIONS = 6;

export interface FitOptions {
  /** Laws to start from; default: a grid of 25. */
  readonly starts?: readonly ScalingLaw[];
}

/**
 * The law that minimises Σ Huber(ln L(N, D) - ln L observed), the best of many starts. @throws DataError for fewer
 * than six observations, and for what has no logarithm.
 */
export function fitChinchilla(
  observations: readonly Observation[],
  { starts = startsFor(observations) }: FitOptions = {},
): ScalingLaw {
  const centred = centre(observations);
  const objective = (theta: readonly number[]) => huberObjective(centred, theta);
  const ends = starts.map((law) => minimise(objective, toTheta(law, centred)));
  const best = ends.reduce((a, b) => (b.value < a.value ? b : a));
  return fromTheta(best.x, centred);
}

/** Logarithms, those of N and D less their means: amplitudes and exponents are then nearly independent of each other. */
interface Centred {
  readonly logN: readonly number[];
  readonly logD: readonly number[];
  readonly logLoss: readonly number[];
  readonly meanN: number;
  readonly meanD: number;
}

function centre(observations: readonly Observation[]): Centred {
  requireObservations(observations);
  const logs = (of: (observation: Observation) => number) =>
    observations.map((each) => Math.log(of(each)));
  const [logN, logD] = [logs(({ parameters }) => parameters), logs(({ tokens }) => tokens)];
  const [meanN, meanD] = [mean(logN), mean(logD)];
  return {
    logN: logN.map((v) => v - meanN),
    logD: logD.map((v) => v - meanD),
    logLoss: logs(({ loss }) => loss),
    meanN,
    meanD,
  };
}

/** theta = (ln E, ln A - alpha meanN, ln B - beta meanD, alpha, beta). */
function toTheta({ E, A, B, alpha, beta }: ScalingLaw, { meanN, meanD }: Centred): number[] {
  return [Math.log(E), Math.log(A) - alpha * meanN, Math.log(B) - beta * meanD, alpha, beta];
}

function fromTheta(theta: readonly number[], { meanN, meanD }: Centred): ScalingLaw {
  const [e, a, b, alpha, beta] = theta as [number, number, number, number, number];
  return {
    E: Math.exp(e),
    A: Math.exp(a + alpha * meanN),
    B: Math.exp(b + beta * meanD),
    alpha,
    beta,
  };
}

/**
 * Σ h(r / delta), h(u) = u²/2 within ±1 and |u| - 1/2 beyond, r = logsumexp(e, a - alpha n, b - beta d) - ln L.
 * The derivative of logsumexp is the softmax.
 */
function huberObjective({ logN, logD, logLoss }: Centred, theta: readonly number[]) {
  const [e, a, b, alpha, beta] = theta as [number, number, number, number, number];
  const gradient = [0, 0, 0, 0, 0];
  let value = 0;
  for (const [i, n] of logN.entries()) {
    const d = logD[i]!;
    const [inN, inD] = [a - alpha * n, b - beta * d];
    const top = Math.max(e, inN, inD);
    const terms = [Math.exp(e - top), Math.exp(inN - top), Math.exp(inD - top)] as const;
    const total = terms[0] + terms[1] + terms[2];
    const u = (top + Math.log(total) - logLoss[i]!) / HUBER_DELTA;
    value += Math.abs(u) <= 1 ? (u * u) / 2 : Math.abs(u) - 0.5;
    const slope = Math.max(-1, Math.min(1, u)) / (HUBER_DELTA * total);
    gradient[0]! += slope * terms[0];
    gradient[1]! += slope * terms[1];
    gradient[2]! += slope * terms[2];
    gradient[3]! -= slope * terms[1] * n;
    gradient[4]! -= slope * terms[2] * d;
  }
  return { value, gradient };
}

function startsFor(observations: readonly Observation[]): ScalingLaw[] {
  // Where least squares leaves a term out, the search begins with a little of it: it moves in logarithms.
  const little = 1e-3 * mean(observations.map(({ loss }) => loss));
  return START_EXPONENTS.flatMap((alpha) =>
    START_EXPONENTS.map((beta) => {
      const { E, A, B } = amplitudes(observations, alpha, beta).law;
      return {
        E: Math.max(E, little),
        A: A > 0 ? A : little,
        B: B > 0 ? B : little,
        alpha,
        beta,
      };
    }),
  );
}

// ---- Variable projection

/**
 * The law that minimises Σ (L(N, D) / L observed - 1)². For given exponents E, A and B follow from linear least squares
 * without negative values: what is left is a search over (alpha, beta), on a grid that closes in.
 * Exact where there is no noise. @throws DataError as `fitChinchilla`.
 */
export function fitByVariableProjection(observations: readonly Observation[]): ScalingLaw {
  requireObservations(observations);
  let best = { law: {} as ScalingLaw, error: Number.POSITIVE_INFINITY };
  let [centreA, centreB] = [Math.log(WIDEST.middle), Math.log(WIDEST.middle)];
  let reach = Math.log(WIDEST.ratio);
  for (let round = 0; round < MOST_ROUNDS && reach > FINEST; round++) {
    const before = best.error;
    const grid = Array.from({ length: GRID }, (_, i) => reach * ((2 * i) / (GRID - 1) - 1));
    const [fromA, fromB] = [centreA, centreB];
    for (const a of grid) {
      for (const b of grid) {
        const found = amplitudes(observations, Math.exp(fromA + a), Math.exp(fromB + b));
        if (!(found.error < best.error)) continue;
        best = found;
        [centreA, centreB] = [fromA + a, fromB + b];
      }
    }
    const atBorder = Math.max(Math.abs(centreA - fromA), Math.abs(centreB - fromB)) > 0.99 * reach;
    if (!(best.error < before) || !atBorder) reach *= SHRINK;
  }
  return best.law;
}

/** The first grid: exponents from middle / ratio to middle * ratio. */
const WIDEST = { middle: 0.4, ratio: 8 };
const GRID = 9;
const SHRINK = 0.5;
const FINEST = 1e-10;
const MOST_ROUNDS = 200;

/** The least squares of E, A, B >= 0 for given exponents, on relative residuals, and the sum of their squares. */
function amplitudes(
  observations: readonly Observation[],
  alpha: number,
  beta: number,
): { law: ScalingLaw; error: number } {
  // Powers relative to the first observation's: columns of size one.
  const { parameters: N, tokens: D } = observations[0]!;
  const columns = [
    observations.map(({ loss }) => 1 / loss),
    observations.map(({ parameters, loss }) => (parameters / N) ** -alpha / loss),
    observations.map(({ tokens, loss }) => (tokens / D) ** -beta / loss),
  ];
  const { coefficients, error } = nonNegativeLeastSquares(columns);
  const [E, A, B] = coefficients as [number, number, number];
  return { law: { E, A: A * N ** alpha, B: B * D ** beta, alpha, beta }, error };
}

/**
 * min Σ (Σ_j c_j column_j - 1)² over c >= 0. The solution is that of ordinary least squares on those columns that it
 * uses; with three there are seven choices, and the best without a negative value is it.
 */
function nonNegativeLeastSquares(columns: readonly (readonly number[])[]) {
  let best = { coefficients: columns.map(() => 0), error: columns[0]!.length };
  for (let choice = 1; choice < 1 << columns.length; choice++) {
    const used = columns.map((_, j) => j).filter((j) => choice & (1 << j));
    const solved = leastSquares(used.map((j) => columns[j]!));
    if (!solved.coefficients.every((c) => c >= 0) || !(solved.error < best.error)) continue;
    const coefficients = columns.map((_, j) => solved.coefficients[used.indexOf(j)] ?? 0);
    best = { coefficients, error: solved.error };
  }
  return best;
}

/** min Σ (Σ_j c_j column_j - 1)², by making each column orthogonal to those before it, and the target to all. */
function leastSquares(columns: readonly (readonly number[])[]) {
  const basis: number[][] = [];
  const R: number[][] = []; // R[j][i]: how much of basis i is in column j
  const inTarget: number[] = [];
  let rest = columns[0]!.map(() => 1);
  for (const column of columns) {
    let own = [...column];
    const shares = basis.map((unit) => {
      const share = sum(unit.map((v, i) => v * own[i]!));
      own = own.map((v, i) => v - share * unit[i]!);
      return share;
    });
    const length = Math.sqrt(sum(own.map((v) => v * v)));
    const unit = own.map((v) => v / length);
    basis.push(unit);
    R.push([...shares, length]);
    const share = sum(unit.map((v, i) => v * rest[i]!));
    rest = rest.map((v, i) => v - share * unit[i]!);
    inTarget.push(share);
  }
  const coefficients = columns.map(() => 0);
  for (let j = columns.length - 1; j >= 0; j--) {
    const later = sum(coefficients.map((c, i) => (i > j ? c * R[i]![j]! : 0)));
    coefficients[j] = (inTarget[j]! - later) / R[j]![j]!;
  }
  return { coefficients, error: sum(rest.map((v) => v * v)) };
}

// ---- How certain

export interface Bootstrap {
  /** One law for each set of observations, drawn from the observed ones with replacement. */
  readonly laws: readonly ScalingLaw[];
  /** ln L observed - ln L(N, D) of the fit, widened for the five numbers that were fitted to them. */
  readonly residuals: readonly number[];
}

const STREAM = 0x626f6f74; // 'boot'

/** Efron's bootstrap of `fitChinchilla`; `law` is its fit to all observations, where each search starts. */
export function bootstrap(
  observations: readonly Observation[],
  law: ScalingLaw,
  { replicates = 200, seed }: { replicates?: number; seed: number },
): Bootstrap {
  const random = randomStream(seed, STREAM);
  const count = observations.length;
  const laws = Array.from({ length: replicates }, () => {
    const drawn = observations.map(() => observations[random.integer(count)]!);
    return fitChinchilla(drawn, { starts: [law] });
  });
  const widening = Math.sqrt(count / (count - 5));
  const residuals = observations.map(
    (each) => widening * Math.log(each.loss / predictLoss(law, each)),
  );
  return { laws, residuals };
}

export type Interval = readonly [low: number, high: number];

/** Where 95 % of the bootstrap's laws, or pairs of laws, have what `of` reads from them. */
export function interval<Law>(laws: readonly Law[], of: (law: Law) => number): Interval {
  return central95(laws.map(of));
}

/** Where 95 % of runs of this size are expected: the spread of the laws' predictions, and of runs around a law. */
export function predictionInterval(
  { laws, residuals }: Bootstrap,
  size: { parameters: number; tokens: number },
): Interval {
  return central95(
    laws.flatMap((law) => residuals.map((residual) => predictLoss(law, size) * Math.exp(residual))),
  );
}

function central95(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return [at(0.025), at(0.975)];
}

function requireObservations(observations: readonly Observation[]): void {
  const valid = observations.every(
    ({ parameters, tokens, loss }) => parameters > 0 && tokens > 0 && loss > 0,
  );
  if (observations.length >= LEAST_OBSERVATIONS && valid) return;
  throw new DataError(
    `a scaling law of five numbers needs at least ${LEAST_OBSERVATIONS} observations, all above 0; got ${observations.length}`,
  );
}

const sum = (values: readonly number[]) => values.reduce((total, v) => total + v, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;
