// Products of matrices: matmul with broadcast batches, linear and the low-rank linear of LoRA.

import { broadcastShape, broadcastTable, map, maxAbs, type Ref, sizeOf, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { reduction } from './tolerance.ts';

type Transposes = { transposeA?: boolean; transposeB?: boolean };

/** Sizes and element strides of out[batch, m, n] = Σ_k a[batch, m, k] b[batch, k, n]. */
function layout(a: Ref, b: Ref, { transposeA = false, transposeB = false }: Transposes) {
  const [aRows, aCols] = a.shape.slice(-2) as [number, number];
  const [bRows, bCols] = b.shape.slice(-2) as [number, number];
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = broadcastShape(batchA, batchB);
  return {
    batch,
    M: transposeA ? aCols : aRows,
    K: transposeA ? aRows : aCols,
    N: transposeB ? bRows : bCols,
    // the matrix of a that belongs to each batch of the result
    matrixA: broadcastTable(batchA, batch),
    matrixB: broadcastTable(batchB, batch),
    stepA: transposeA ? { m: 1, k: aCols } : { m: aCols, k: 1 },
    stepB: transposeB ? { k: 1, n: bCols } : { k: bCols, n: 1 },
    sizeA: aRows * aCols,
    sizeB: bRows * bCols,
  };
}

/** visit(offset in out, in a, in b) for every product a·b that enters an element of out. */
function forEachProduct(
  a: Ref,
  b: Ref,
  attrs: Transposes,
  visit: (out: number, a: number, b: number) => void,
) {
  const { batch, M, N, K, matrixA, matrixB, stepA, stepB, sizeA, sizeB } = layout(a, b, attrs);
  const batches = sizeOf(batch);
  for (let i = 0; i < batches; i++) {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        const at = (i * M + m) * N + n;
        const rowA = matrixA[i]! * sizeA + m * stepA.m;
        const colB = matrixB[i]! * sizeB + n * stepB.n;
        for (let k = 0; k < K; k++) visit(at, rowA + k * stepA.k, colB + k * stepB.k);
      }
    }
  }
}

export const matmul: OpReference<{ a: Ref; b: Ref }, Transposes, { out: Ref }> = {
  op: 'matmul',
  forward({ a, b }, attrs) {
    const { batch, M, N } = layout(a, b, attrs);
    const out = zeros([...batch, M, N]);
    forEachProduct(a, b, attrs, (at, ia, ib) => {
      out.data[at]! += a.data[ia]! * b.data[ib]!;
    });
    return { out };
  },
  // every product a·b in out gives dout·b to a and dout·a to b
  backward({ a, b }, attrs, { out: dout }) {
    const da = zeros(a.shape);
    const db = zeros(b.shape);
    forEachProduct(a, b, attrs, (at, ia, ib) => {
      da.data[ia]! += dout.data[at]! * b.data[ib]!;
      db.data[ib]! += dout.data[at]! * a.data[ia]!;
    });
    return { a: da, b: db };
  },
  tolerance({ a, b }, attrs, dout) {
    const { batch, M, N, K } = layout(a, b, attrs);
    // how often each matrix was repeated
    const repeats = (x: Ref) => sizeOf(batch) / Math.max(1, sizeOf(x.shape.slice(0, -2)));
    return {
      forward: reduction(K, maxAbs(a) * maxAbs(b)),
      backward: {
        a: reduction(N * repeats(a), dout * maxAbs(b)),
        b: reduction(M * repeats(b), dout * maxAbs(a)),
      },
    };
  },
};

/** x as a matrix: all axes but the last are rows. */
function rows(x: Ref): Ref {
  const columns = x.shape.at(-1)!;
  return { shape: [sizeOf(x.shape.slice(0, -1)), columns], data: x.data };
}

const reshaped = (x: Ref, shape: readonly number[]): Ref => ({ shape, data: x.data });

const product = (a: Ref, b: Ref, attrs: Transposes = {}) => matmul.forward({ a, b }, attrs).out;

const NT = { transposeB: true };
const TN = { transposeA: true };

/** Σ over the rows of a matrix. */
function columnSums(x: Ref): Ref {
  const columns = x.shape[1]!;
  const out = zeros([columns]);
  for (let i = 0; i < x.data.length; i++) out.data[i % columns]! += x.data[i]!;
  return out;
}

type LinearInputs = { x: Ref; weight: Ref; bias?: Ref };

/** out = x weightᵀ + bias     x: [..., in]  weight: [out, in]  bias: [out] */
export const linear: OpReference<LinearInputs, Record<never, never>, { out: Ref }> = {
  op: 'linear',
  forward({ x, weight, bias }) {
    const out = product(rows(x), weight, NT);
    const columns = weight.shape[0]!;
    const shifted = map(out, (v, i) => v + (bias?.data[i % columns] ?? 0));
    return { out: reshaped(shifted, [...x.shape.slice(0, -1), columns]) };
  },
  // dx = dout weight     dweight = doutᵀ x     dbias = Σ_rows dout
  backward({ x, weight, bias }, _attrs, { out }) {
    const dout = rows(out);
    return {
      x: reshaped(product(dout, weight), x.shape),
      weight: product(dout, rows(x), TN),
      ...(bias && { bias: columnSums(dout) }),
    };
  },
  tolerance({ x, weight, bias }, _attrs, dout) {
    const [columns, K] = weight.shape as [number, number];
    const [R] = rows(x).shape as [number, number];
    return {
      forward: reduction(K, Math.max(maxAbs(x) * maxAbs(weight), maxAbs(bias))),
      backward: {
        x: reduction(columns, dout * maxAbs(weight)),
        weight: reduction(R, dout * maxAbs(x)),
        bias: reduction(R, dout),
      },
    };
  },
};

type LoraInputs = { x: Ref; weight: Ref; a: Ref; b: Ref };
type LoraOptions = { alpha: number; rank: number };

/**
 * out = x weightᵀ + (alpha / rank) (x aᵀ) bᵀ     x: [..., in]  weight: [out, in]  a: [r, in]  b: [out, r]
 * The weight is frozen: gradients are for x, a and b.
 */
export const loraLinear: OpReference<LoraInputs, LoraOptions, { out: Ref }> = {
  op: 'loraLinear',
  forward({ x, weight, a, b }, { alpha, rank }) {
    const base = product(rows(x), weight, NT);
    const update = product(product(rows(x), a, NT), b, NT);
    const out = map(base, (v, i) => v + (alpha / rank) * update.data[i]!);
    return { out: reshaped(out, [...x.shape.slice(0, -1), weight.shape[0]!]) };
  },
  // with s = alpha / rank, h = x aᵀ, dh = s dout b:   dx = dout weight + dh a   da = dhᵀ x   db = s doutᵀ h
  backward({ x, weight, a, b }, { alpha, rank }, { out }) {
    const dout = rows(out);
    const scaled = map(dout, (v) => (v * alpha) / rank);
    const dh = product(scaled, b);
    const throughUpdate = product(dh, a);
    const dx = map(product(dout, weight), (v, i) => v + throughUpdate.data[i]!);
    return {
      x: reshaped(dx, x.shape),
      a: product(dh, rows(x), TN),
      b: product(scaled, product(rows(x), a, NT), TN),
    };
  },
  tolerance({ x, weight, a, b }, { alpha, rank }, dout) {
    const [columns, K] = weight.shape as [number, number];
    const [R] = rows(x).shape as [number, number];
    const scale = alpha / rank;
    const hidden = Math.sqrt(K) * maxAbs(x) * maxAbs(a); // how large x aᵀ gets
    const dhidden = scale * Math.sqrt(columns) * dout * maxAbs(b); // and its gradient
    const update = scale * Math.sqrt(rank) * maxAbs(b) * maxAbs(x) * maxAbs(a);
    return {
      forward: reduction(K, maxAbs(x) * maxAbs(weight) + update),
      backward: {
        x: reduction(columns, dout * maxAbs(weight) + Math.sqrt(rank) * dhidden * maxAbs(a)),
        a: reduction(R, dhidden * maxAbs(x)),
        b: reduction(R, scale * dout * hidden),
      },
    };
  },
};
