// The float64 references are right, before any kernel is compared with them: their gradients are the differences of
// their outputs, and both are PyTorch's. No GPU is needed.

import { describe, expect, it } from 'vitest';
import { families } from './cases/index.ts';
import type { Ref } from './reference/array.ts';
import type { OpCase } from './reference/case.ts';
import { expectClose, isClose } from './reference/close.ts';
import { slopes } from './reference/differences.ts';
import { goldenCases } from './reference/golden.ts';
import { references } from './reference/index.ts';
import { logSumExp } from './reference/reduce.ts';
import { crossEntropy, softmax } from './reference/softmax.ts';
import { erfOf, gelu } from './reference/unary.ts';

const golden = goldenCases();
const cases = Object.values(families).flatMap((family) => family.cases);
const differentiable = cases.filter((each) => each.grads);
const title = ({ op, name }: OpCase) => `${op}: ${name}`;

const norm = (arrays: readonly Ref[]) => Math.hypot(...arrays.flatMap(({ data }) => [...data]));

/** PyTorch's values have 9 significant digits, and their own float64 rounding. */
const PRINTED = { rtol: 6e-9, atol: 1e-10 };

/** Tighter than PyTorch's own gradcheck: what is left is float64's rounding divided by the step. */
const DIFFERENCES = { rtol: 1e-5, atol: 1e-6 };

describe('the references reproduce PyTorch', () => {
  it.each(golden.map((each) => [title(each), each] as const))('%s', (label, each) => {
    const outputs = each.reference.forward(each.inputs, each.attrs);
    for (const [name, want] of Object.entries(each.outputs)) {
      expect(outputs[name]!.shape).toEqual(want.shape);
      expectClose(outputs[name]!.data, want.data, PRINTED, `${label}, ${name}`);
    }
    const grads = each.reference.backward?.(each.inputs, each.attrs, each.dout!) ?? {};
    expect(Object.keys(grads)).toEqual(Object.keys(each.grads ?? {}));
    for (const [name, want] of Object.entries(each.grads ?? {})) {
      expectClose(grads[name]!.data, want.data, PRINTED, `${label}, gradient of ${name}`);
    }
  });
});

describe('every gradient is the difference of the outputs', () => {
  const smooth = differentiable.filter((each) => each.differences);
  it.each(smooth.map((each) => [title(each), each] as const))('%s', (label, each) => {
    for (const [name, gradient] of Object.entries(each.grads!)) {
      const found = slopes(each, name, gradient);
      expectClose(found.gradient, found.differences, DIFFERENCES, `${label}, gradient of ${name}`);
    }
  });
});

describe('the references at the ends of the range, where differences say nothing', () => {
  it('softmax, logSumExp and cross-entropy keep log 2 beside a logit of 1e30', () => {
    const x: Ref = { shape: [1, 2], data: Float64Array.of(1e30, 1e30) };
    const dout = { out: { shape: [1], data: Float64Array.of(1) } };
    expect([...softmax.forward({ x }, {}).out.data]).toEqual([0.5, 0.5]);
    expect([...logSumExp.backward!({ x }, { axis: 1 }, dout).x!.data]).toEqual([0.5, 0.5]);
    const targets: Ref = { shape: [1], data: Float64Array.of(1) };
    expect(crossEntropy.forward({ logits: x, targets }, {}).out.data[0]).toBe(Math.LN2);
  });

  it('erf meets its tail at 3, and gelu keeps its lower tail', () => {
    expect(erfOf(3)).toBeCloseTo(0.9999779095030014, 15);
    expect(erfOf(3 - 1e-12)).toBeCloseTo(erfOf(3), 14);
    const x: Ref = { shape: [1], data: Float64Array.of(-8) };
    // -8 Φ(-8), Φ(-8) = 6.220960574271785e-16
    expect(gelu.forward({ x }, {}).out.data[0]! / -4.976768459417428e-15).toBeCloseTo(1, 12);
  });
});

describe('the differences', () => {
  const onePerOp = new Map(
    differentiable
      .filter((each) => each.differences && each.zeroGrad.length === 0)
      .filter(({ inputs, outputs }) =>
        [...Object.values(inputs), ...Object.values(outputs)].every(({ data }) => data.length > 0),
      )
      .map((each) => [each.op, each]),
  );
  it.each([...onePerOp])(
    'refuse a gradient of %s that is wrong by 0.1 % or in its sign',
    (_, each) => {
      for (const factor of [1.001, -1]) {
        const wrong = Object.entries(each.grads!).filter(([name, { shape, data }]) => {
          const found = slopes(each, name, { shape, data: data.map((v) => factor * v) });
          return !isClose(found.gradient, found.differences, DIFFERENCES);
        });
        expect(wrong.map(([name]) => name)).toEqual(Object.keys(each.grads!));
      }
    },
  );
});

describe('the cases', () => {
  /** The gradients that have elements and are not 0 by right. */
  const expected = ({ grads, zeroGrad }: OpCase) =>
    Object.entries(grads!).filter(
      ([name, { data }]) => data.length > 0 && !zeroGrad.includes(name),
    );

  it('have a gradient that is not lost: ‖grad‖ > 1e-3 ‖dout‖', () => {
    const vacuous = differentiable
      .filter((each) => expected(each).length > 0)
      .filter(({ dout }) => norm(Object.values(dout!)) > 0)
      .filter(
        ({ dout, grads }) => norm(Object.values(grads!)) <= 1e-3 * norm(Object.values(dout!)),
      );
    expect(vacuous.map(title)).toEqual([]);
  });

  // of three elements, where and maximum may well take none from one side
  it('have a gradient for each input, from 4 elements on', () => {
    const lost = differentiable
      .filter(({ outputs }) => Object.values(outputs).some(({ data }) => data.length > 3))
      .filter(({ differences }) => differences)
      .flatMap((each) => expected(each).map(([name, gradient]) => ({ each, name, gradient })))
      .filter(({ gradient }) => norm([gradient]) === 0);
    expect(lost.map(({ each, name }) => `${title(each)}, gradient of ${name}`)).toEqual([]);
  });

  it('have no gradient where it is said to be 0', () => {
    const claimed = differentiable.flatMap((each) =>
      each.zeroGrad.map((name) => ({ each, name, size: norm([each.grads![name]!]) })),
    );
    expect(claimed.filter(({ size }) => size > 1e-12).map(({ each }) => title(each))).toEqual([]);
  });

  it('have shapes that fit: data to shape, gradient to input, upstream gradient to output', () => {
    for (const each of cases) {
      const label = title(each);
      for (const { shape, data } of [
        ...Object.values(each.inputs),
        ...Object.values(each.outputs),
      ]) {
        expect(data.length, label).toBe(shape.reduce((size, n) => size * n, 1));
      }
      for (const [name, { shape }] of Object.entries(each.grads ?? {})) {
        expect(shape, label).toEqual(each.inputs[name]!.shape);
      }
      for (const [name, { shape }] of Object.entries(each.dout ?? {})) {
        expect(shape, label).toEqual(each.outputs[name]!.shape);
      }
    }
  });

  it('have inputs that f32 holds exactly, and finite results', () => {
    for (const each of cases) {
      for (const { data, dtype } of Object.values(each.inputs)) {
        const exact = data.every((v) =>
          Object.is(dtype === 'f32' ? Math.fround(v) : Math.round(v), v),
        );
        expect(exact, title(each)).toBe(true);
      }
      for (const { data } of [...Object.values(each.outputs), ...Object.values(each.grads ?? {})]) {
        expect(
          data.every((v) => Number.isFinite(Math.fround(v))),
          title(each),
        ).toBe(true);
      }
    }
  });

  it('are named apart, and are at least 8 for every op, with an extreme one and an error', () => {
    const titles = cases.map(title);
    expect(titles.filter((each, i) => titles.indexOf(each) !== i)).toEqual([]);
    const errors = Object.values(families).flatMap((family) => family.errors);
    for (const op of references.keys()) {
      expect(cases.filter((each) => each.op === op).length, op).toBeGreaterThanOrEqual(8);
      expect(errors.filter((each) => each.op === op).length, op).toBeGreaterThanOrEqual(1);
      expect(
        cases.some((each) => each.op === op && /extreme|masked/.test(each.name)),
        op,
      ).toBe(true);
    }
  });

  it('have tolerances that refuse a result that is wrong by 1 %', () => {
    const loose = [...cases, ...golden].flatMap((each) => {
      const outputs = Object.entries(each.outputs).map(
        ([name, { data }]) => [name, data, each.tolerance] as const,
      );
      const grads = Object.entries(each.grads ?? {}).map(
        ([name, { data }]) => [`gradient of ${name}`, data, each.gradTolerances[name]!] as const,
      );
      return [...outputs, ...grads]
        .filter(([, data]) => data.some((v) => v !== 0))
        .filter(([, data, tolerance]) =>
          isClose(
            data.map((v) => 1.01 * v),
            data,
            tolerance,
          ),
        )
        .map(([name]) => `${title(each)}, ${name}`);
    });
    expect(loose).toEqual([]);
  });

  it('are 600 gradient checks and more', () => {
    const gradients = differentiable.reduce(
      (sum, { grads }) => sum + Object.keys(grads!).length,
      0,
    );
    expect(gradients).toBeGreaterThanOrEqual(600);
  });
});

describe('expectClose', () => {
  const want = Float64Array.of(1, -2, Number.NaN, Number.POSITIVE_INFINITY);
  const tolerance = { rtol: 1e-3, atol: 1e-6 };

  it('takes what is within atol + rtol |want|, NaN for NaN and an infinity for itself', () => {
    expectClose([1.0009, -2.0019, Number.NaN, Number.POSITIVE_INFINITY], want, tolerance, 'y');
  });

  it('names the worst element, its index and both values', () => {
    const got = [1.01, -2.5, Number.NaN, Number.POSITIVE_INFINITY];
    expect(() => expectClose(got, want, tolerance, 'y')).toThrow(
      /^y: 2 of 4 elements.*worst at \[1\]: got -2\.5, want -2$/,
    );
  });

  it.each([
    ['a number for NaN', [1, -2, 0, Number.POSITIVE_INFINITY]],
    ['NaN for a number', [Number.NaN, -2, Number.NaN, Number.POSITIVE_INFINITY]],
    ['NaN for an infinity', [1, -2, Number.NaN, Number.NaN]],
    ['the other infinity', [1, -2, Number.NaN, Number.NEGATIVE_INFINITY]],
    ['a large number for an infinity', [1, -2, Number.NaN, 3e38]],
    ['another length', [1, -2, Number.NaN]],
  ])('refuses %s', (_, got) => {
    expect(() => expectClose(got, want, tolerance, 'y')).toThrow(/^y: /);
  });
});
