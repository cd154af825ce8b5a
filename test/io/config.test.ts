import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import {
  between,
  checkSettings,
  differences,
  listOf,
  nearest,
  nonNegative,
  nonNegativeInteger,
  nullOr,
  oneOf,
  parseAssignment,
  positive,
  positiveInteger,
  resolveSettings,
  wholeBetween,
} from '../../src/io/config.ts';

const defaults = {
  learningRate: 3e-4,
  layers: 4,
  activation: 'gelu',
  tied: true,
  clipNorm: null as number | null,
  widths: [64, 64],
  optimizer: { beta1: 0.9, beta2: 0.95 },
};

describe('resolveSettings', () => {
  it('lays the layers over the defaults, the last one winning, and leaves the defaults alone', () => {
    const before = structuredClone(defaults);
    const settings = resolveSettings(
      defaults,
      { layers: 6, optimizer: { beta1: 0.8 } },
      undefined,
      { layers: 8, widths: [32] },
    );
    expect(settings).toEqual({
      ...before,
      layers: 8,
      widths: [32],
      optimizer: { beta1: 0.8, beta2: 0.95 },
    });
    settings.optimizer.beta2 = 0;
    settings.widths.push(1);
    expect(defaults).toEqual(before);
  });

  it('takes no list or group by reference from a layer', () => {
    const layer = { widths: [1, 2] };
    resolveSettings(defaults, layer).widths.push(3);
    expect(layer.widths).toEqual([1, 2]);
  });

  it('skips undefined, so that an option left out keeps its default', () => {
    expect(resolveSettings(defaults, { layers: undefined })).toEqual(defaults);
  });

  it('reads a dotted name as a name in a group', () => {
    expect(resolveSettings(defaults, { 'optimizer.beta2': 0.99 }).optimizer).toEqual({
      beta1: 0.9,
      beta2: 0.99,
    });
  });

  it.each([
    [{ learningrate: 1 }, 'unknown setting "learningrate" (did you mean "learningRate"?)'],
    [{ layesr: 1 }, 'unknown setting "layesr" (did you mean "layers"?)'],
    [{ beta1: 1 }, 'unknown setting "beta1" (did you mean "optimizer.beta1"?)'],
    [
      { optimizer: { bata1: 1 } },
      'unknown setting "optimizer.bata1" (did you mean "optimizer.beta1"?)',
    ],
    [
      { 'optimizer.bata2': 1 },
      'unknown setting "optimizer.bata2" (did you mean "optimizer.beta2"?)',
    ],
    [{ colour: 1 }, 'unknown setting "colour"; known are learningRate, layers, '],
    [{ toString: 1 }, 'unknown setting "toString"'],
    [{ layers: '4' }, 'layers is "4"; expected a number'],
    [{ layers: Number.NaN }, 'layers is "NaN"; expected a finite number'],
    [{ learningRate: JSON.parse('1e999') }, 'learningRate is "Infinity"; expected a finite number'],
    [{ clipNorm: Number.POSITIVE_INFINITY }, 'clipNorm is "Infinity"; expected a finite number'],
    [{ clipNorm: [1] }, 'clipNorm is [1]; expected a single value'],
    [{ tied: 1 }, 'tied is 1; expected true or false'],
    [{ activation: 3 }, 'activation is 3; expected text, such as "3" with quotes'],
    [{ widths: 64 }, 'widths is 64; expected a list'],
    [{ widths: [64, 'x'] }, 'widths is [64,"x"]; expected every element to be a number'],
    [{ optimizer: 3 }, '"optimizer" must be a group of names and values, but got 3'],
    [{ layers: { depth: 1 } }, 'layers is a group; expected a number'],
    [[1], 'settings must be a group of names and values, but got [1]'],
    [new Map(), 'settings must be a group of names and values'],
  ])('refuses %j', (layer, message) => {
    const resolve = () => resolveSettings(defaults, layer);
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(message);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'optimizer.__proto__'])(
    'refuses the name %s, and no prototype changes',
    (name) => {
      const layer = JSON.parse(`{"${name}": {"polluted": 1}}`);
      expect(() => resolveSettings(defaults, layer)).toThrow(ConfigError);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  it('never lets through a name that the defaults lack', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (layer) => {
        let settings: object = defaults;
        try {
          settings = resolveSettings(defaults, layer);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
        expect(Object.keys(settings)).toEqual(Object.keys(defaults));
      }),
    );
  });
});

describe('checkSettings', () => {
  const checks = {
    learningRate: positive,
    layers: positiveInteger,
    activation: oneOf('gelu', 'swiglu'),
    clipNorm: nullOr(positive),
    optimizer: { beta1: between(0, 1) },
  };

  it('takes each element of a list', () => {
    const each = { seeds: listOf(positiveInteger) };
    expect(checkSettings({ seeds: [1, 2] }, each)).toEqual({ seeds: [1, 2] });
    for (const seeds of [[], [1, 0], 3]) {
      expect(() => checkSettings({ seeds }, each)).toThrow(
        'expected a list, each a whole number of at least 1',
      );
    }
  });

  it('returns settings that pass', () => {
    expect(checkSettings(defaults, checks)).toBe(defaults);
  });

  it.each([
    [{ learningRate: 0 }, 'learningRate is 0; expected a number above 0'],
    [{ layers: 2.5 }, 'layers is 2.5; expected a whole number of at least 1'],
    [{ layers: 2 ** 53 }, 'layers is 9007199254740992; expected a whole number'],
    [{ activation: 'relu' }, 'activation is "relu"; expected one of "gelu", "swiglu"'],
    [{ clipNorm: -1 }, 'clipNorm is -1; expected a number above 0, or null'],
    [{ optimizer: { beta1: 1.1 } }, 'optimizer.beta1 is 1.1; expected a number from 0 to 1'],
  ])('refuses %j with name, value and range', (layer, message) => {
    const check = () => checkSettings(resolveSettings(defaults, layer), checks);
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(message);
  });

  it('has ranges that include their ends where they say so', () => {
    expect([0, 1].every(between(0, 1).accepts)).toBe(true);
    expect([2, 3].every(wholeBetween(2, 3).accepts)).toBe(true);
    expect([1, 2.5, 4, 1e9, '2', undefined].some(wholeBetween(2, 3).accepts)).toBe(false);
    expect(positive.accepts(0)).toBe(false);
    expect(nonNegative.accepts(0)).toBe(true);
    expect(nonNegativeInteger.accepts(0)).toBe(true);
    expect(positiveInteger.accepts(0)).toBe(false);
    expect([positive, nonNegative, between(0, 9)].some((c) => c.accepts('1'))).toBe(false);
  });
});

describe('parseAssignment', () => {
  it.each([
    ['layers=4', { layers: 4 }],
    ['learningRate=3e-4', { learningRate: 3e-4 }],
    ['x=-0.5', { x: -0.5 }],
    ['tied=false', { tied: false }],
    ['clipNorm=null', { clipNorm: null }],
    ['activation=swiglu', { activation: 'swiglu' }],
    ['name="3"', { name: '3' }],
    ['id=007', { id: '007' }],
    ['id=0x10', { id: '0x10' }],
    ['path=a=b', { path: 'a=b' }],
    ['empty=', { empty: '' }],
    ['widths=[1, 2]', { widths: [1, 2] }],
    ['optimizer.beta1=0.8', { optimizer: { beta1: 0.8 } }],
    [' layers = 4 ', { layers: 4 }],
  ])('reads %s', (text, layer) => {
    expect(parseAssignment(text)).toEqual(layer);
  });

  it.each([
    'layers',
    '=4',
    'a..b=1',
    '.a=1',
    'widths=[1',
    'name="x',
    '__proto__.x=1',
    'a.constructor=1',
  ])('refuses %s', (text) => {
    expect(() => parseAssignment(text)).toThrow(ConfigError);
  });

  it('gives back every JSON number that is written after the equals sign', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
        expect(parseAssignment(`x=${JSON.stringify(x)}`)).toEqual({
          x: JSON.parse(JSON.stringify(x)),
        });
      }),
    );
  });
});

describe('nearest', () => {
  const names = ['learningRate', 'layers', 'heads', 'dropout'];
  it.each([
    ['learningrate', 'learningRate'],
    ['learning_rate', 'learningRate'],
    ['dorpout', 'dropout'],
    ['head', 'heads'],
    ['LAYERS', 'layers'],
    ['temperature', undefined],
    ['', undefined],
  ])('%s -> %s', (name, expected) => {
    expect(nearest(name, names)).toBe(expected);
  });

  it('counts a swap of neighbours as one edit, as it counts an insertion or a replacement', () => {
    expect(nearest('ab', ['ba'])).toBe('ba');
    expect(nearest('abc', ['cba'])).toBeUndefined();
  });
});

describe('differences', () => {
  it('names what differs, also in groups, in lists, and on one side only', () => {
    const other = { ...defaults, layers: 5, widths: [64, 32], optimizer: { beta1: 0.9 }, extra: 1 };
    expect(differences(defaults, other)).toEqual(['layers', 'widths', 'optimizer.beta2', 'extra']);
  });

  it('is empty for settings that went through JSON', () => {
    expect(differences(defaults, JSON.parse(JSON.stringify(defaults)))).toEqual([]);
  });
});
