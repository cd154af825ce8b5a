import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import {
  type HostTensor,
  parseSafetensorsHeader,
  readSafetensors,
  safetensorsHeaderLength,
  tensorFromBytes,
  writeSafetensors,
} from '../../src/io/safetensors.ts';
import { file, malicious } from './malicious_safetensors.ts';

// Written by Hugging Face's safetensors 0.8.0 (Python): every dtype that NumPy has, an escaped name, a scalar, an empty one.
const WRITTEN_BY_HUGGING_FACE =
  '58030000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c' +
  '22753634223a7b226474797065223a22553634222c227368617065223a5b315d2c22646174615f6f' +
  '666673657473223a5b302c385d7d2c22612e696473223a7b226474797065223a22493634222c2273' +
  '68617065223a5b335d2c22646174615f6f666673657473223a5b382c33325d7d2c2264223a7b2264' +
  '74797065223a22463634222c227368617065223a5b315d2c22646174615f6f666673657473223a5b' +
  '33322c34305d7d2c22622e776569676874223a7b226474797065223a22463332222c227368617065' +
  '223a5b322c335d2c22646174615f6f666673657473223a5b34302c36345d7d2c22753332223a7b22' +
  '6474797065223a22553332222c227368617065223a5b315d2c22646174615f6f666673657473223a' +
  '5b36342c36385d7d2c227363616c6172223a7b226474797065223a22493332222c22736861706522' +
  '3a5b5d2c22646174615f6f666673657473223a5b36382c37325d7d2c22656d707479223a7b226474' +
  '797065223a22463136222c227368617065223a5b302c345d2c22646174615f6f666673657473223a' +
  '5b37322c37325d7d2c2268616c66223a7b226474797065223a22463136222c227368617065223a5b' +
  '335d2c22646174615f6f666673657473223a5b37322c37385d7d2c22753136223a7b226474797065' +
  '223a22553136222c227368617065223a5b315d2c22646174615f6f666673657473223a5b37382c38' +
  '305d7d2c22693136223a7b226474797065223a22493136222c227368617065223a5b315d2c226461' +
  '74615f6f666673657473223a5b38302c38325d7d2c226938223a7b226474797065223a224938222c' +
  '227368617065223a5b315d2c22646174615f6f666673657473223a5b38322c38335d7d2c22625c22' +
  '715c5cc3a95c6e5c7530303031f09f9880223a7b226474797065223a225538222c22736861706522' +
  '3a5b325d2c22646174615f6f666673657473223a5b38332c38355d7d2c22efbfae223a7b22647479' +
  '7065223a225538222c227368617065223a5b315d2c22646174615f6f666673657473223a5b38352c' +
  '38365d7d2c226d61736b223a7b226474797065223a22424f4f4c222c227368617065223a5b335d2c' +
  '22646174615f6f666673657473223a5b38362c38395d7d7d00000000000000800100000000000000' +
  'feffffffffffffff03000000000000009c7500883ce4377e000020c00000c0bf000000bf0000003f' +
  '0000c03f000020400500000007000000003e00c0ff7b0500fbffff010201010001';

const fixtureTensors = new Map<string, HostTensor>([
  [
    'b.weight',
    { dtype: 'f32', shape: [2, 3], data: Float32Array.of(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5) },
  ],
  ['a.ids', { dtype: 'i64', shape: [3], data: BigInt64Array.of(1n, -2n, 3n) }],
  ['scalar', { dtype: 'i32', shape: [], data: Int32Array.of(7) }],
  ['empty', { dtype: 'f16', shape: [0, 4], data: new Uint16Array(0) }],
  ['half', { dtype: 'f16', shape: [3], data: Uint16Array.of(0x3e00, 0xc000, 0x7bff) }],
  ['mask', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['b"q\\é\n\x01😀', { dtype: 'u8', shape: [2], data: Uint8Array.of(1, 2) }],
  ['d', { dtype: 'f64', shape: [1], data: Float64Array.of(1e300) }],
  ['i16', { dtype: 'i16', shape: [1], data: Int16Array.of(-5) }],
  ['u16', { dtype: 'u16', shape: [1], data: Uint16Array.of(5) }],
  ['u32', { dtype: 'u32', shape: [1], data: Uint32Array.of(5) }],
  ['u64', { dtype: 'u64', shape: [1], data: BigUint64Array.of(2n ** 63n) }],
  ['i8', { dtype: 'i8', shape: [1], data: Int8Array.of(-1) }],
  ['\uffee', { dtype: 'u8', shape: [1], data: Uint8Array.of(1) }],
]);

describe('files of others', () => {
  const theirs = new Uint8Array(Buffer.from(WRITTEN_BY_HUGGING_FACE, 'hex'));

  test("the writer gives the bytes of Hugging Face's library", () => {
    expect(writeSafetensors(fixtureTensors, new Map([['format', 'pt']]))).toEqual(theirs);
    const empty = writeSafetensors(new Map(), new Map(Object.entries({ b: '1', a: '2' })));
    expect(new TextDecoder().decode(empty)).toBe(
      '(\0\0\0\0\0\0\0{"__metadata__":{"a":"2","b":"1"}}      ',
    );
  });

  test('every dtype is read, at any alignment of the file in memory', () => {
    for (let shift = 0; shift < 8; shift++) {
      const moved = new Uint8Array(theirs.length + shift).subarray(shift);
      moved.set(theirs);
      const { tensors, metadata } = readSafetensors(moved);
      expect(new Map([...tensors].sort())).toEqual(new Map([...fixtureTensors].sort()));
      expect(metadata).toEqual(new Map([['format', 'pt']]));
    }
  });

  test('a header alone and ranges of the file give the same tensors', () => {
    const headerLength = safetensorsHeaderLength(theirs.subarray(0, 8), theirs.length);
    const header = parseSafetensorsHeader(theirs.slice(0, 8 + headerLength), {
      fileBytes: theirs.length,
    });
    const entry = header.tensors.get('b.weight')!;
    const range = theirs.slice(header.dataStart + entry.begin, header.dataStart + entry.end);
    expect(tensorFromBytes(entry, range)).toEqual(fixtureTensors.get('b.weight'));
  });

  for (const model of ['llama-tiny', 'gpt2-tiny']) {
    const path = new URL(`../../../shared/golden/${model}/model.safetensors`, import.meta.url);
    const present = existsSync(path);
    if (!present) console.warn(`safetensors: ${path.pathname} is absent, ${model} is not read`);
    test.runIf(present)(`${model} is read and survives a round trip`, () => {
      const { tensors, metadata } = readSafetensors(new Uint8Array(readFileSync(path)));
      expect(metadata).toEqual(new Map([['format', 'pt']]));
      expect(tensors.size).toBeGreaterThan(10);
      const again = readSafetensors(writeSafetensors(tensors, metadata));
      for (const [name, tensor] of tensors) expect(again.tensors.get(name), name).toEqual(tensor);
    });
  }
});

test('what is written is read back: any names, dtypes, shapes, metadata', () => {
  const arrays = {
    f64: Float64Array,
    f32: Float32Array,
    f16: Uint16Array,
    bf16: Uint16Array,
    i64: BigInt64Array,
    i32: Int32Array,
    i16: Int16Array,
    i8: Int8Array,
    u8: Uint8Array,
    u16: Uint16Array,
    u32: Uint32Array,
    u64: BigUint64Array,
    bool: Uint8Array,
  } as const;
  const dtypes = Object.keys(arrays) as (keyof typeof arrays)[];
  const tensor = fc
    .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(5), { maxLength: 4 }), fc.nat(255))
    .map(([dtype, shape, fill]): HostTensor => {
      const count = shape.reduce((product, size) => product * size, 1);
      const bytes = new Uint8Array(count * arrays[dtype].BYTES_PER_ELEMENT).fill(fill);
      return { dtype, shape, data: new arrays[dtype](bytes.buffer) };
    });
  const name = fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__');
  const file = fc.record({
    tensors: fc.uniqueArray(fc.tuple(name, tensor), { selector: ([name]) => name, maxLength: 8 }),
    metadata: fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
  });
  fc.assert(
    fc.property(file, ({ tensors, metadata }) => {
      const bytes = writeSafetensors(new Map(tensors), new Map(Object.entries(metadata)));
      const read = readSafetensors(bytes);
      expect(read.tensors.size).toBe(tensors.length);
      for (const [name, { dtype, shape, data }] of tensors) {
        const back = read.tensors.get(name)!;
        expect([back.dtype, back.shape]).toEqual([dtype, shape]);
        expect(back.data.constructor).toBe(data.constructor);
        expect(bytesOf(back.data)).toEqual(bytesOf(data)); // bits: NaN too
      }
      expect(read.metadata).toEqual(new Map(Object.entries(metadata)));
      expect(writeSafetensors(read.tensors, read.metadata)).toEqual(bytes);
    }),
    { numRuns: 500, seed: 3 },
  );
});

test('tensors of equal dtype are ordered by the UTF-8 bytes of their names', () => {
  const one: HostTensor = { dtype: 'u8', shape: [1], data: Uint8Array.of(1) };
  const names = ['😀', '\uffee', '😁', 'é', 'ab', 'a', '', '😀a'];
  const written = readSafetensors(writeSafetensors(new Map(names.map((name) => [name, one]))));
  const expected = names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...written.tensors.keys()]).toEqual(expected);
});

test('tensors that cannot be read back are not written', () => {
  const write = (name: string, tensor: HostTensor) => () =>
    writeSafetensors(new Map([[name, tensor]]));
  const data = new Float32Array(4);
  expect(write('w', { dtype: 'f32', shape: [3], data })).toThrow(/"w".*\[3\].*12 bytes.*16/);
  expect(write('w', { dtype: 'i32', shape: [4], data })).toThrow(/not a Int32Array/);
  expect(write('w', { dtype: 'f32', shape: [-4], data })).toThrow(/not a list of sizes/);
  expect(write('__metadata__', { dtype: 'f32', shape: [4], data })).toThrow(DataError);
  expect(write('\ud800', { dtype: 'f32', shape: [4], data })).toThrow(/surrogate/);
});

test('names that mean something to JavaScript are names like any other', () => {
  const text =
    '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"constructor":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}';
  const { tensors } = readSafetensors(file(text, 2));
  expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
  expect(Object.hasOwn(Object.prototype, 'dtype')).toBe(false);
});

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

describe(`malicious files (${Object.keys(malicious).length})`, () => {
  test.each(Object.entries(malicious))('%s', (_, [bytes, reason]) => {
    let thrown: unknown;
    let milliseconds = Number.POSITIVE_INFINITY;
    // The best of a few: the machine may be busy with other tests.
    for (let attempt = 0; attempt < 5 && milliseconds >= 50; attempt++) {
      const start = performance.now();
      try {
        readSafetensors(bytes);
      } catch (error) {
        thrown = error;
      }
      milliseconds = performance.now() - start;
    }
    expect(thrown).toBeInstanceOf(DataError);
    expect((thrown as Error).message).toMatch(reason);
    expect((thrown as Error).message.length).toBeLessThan(500);
    expect(milliseconds).toBeLessThan(50);
  });
});

test('a mutated file is refused with a DataError or read whole, never anything else (5,000)', () => {
  const whole = writeSafetensors(fixtureTensors, new Map([['format', 'pt']]));
  const headerEnd = 8 + safetensorsHeaderLength(whole, whole.length);
  // Bytes that mean something to JSON, so that mutants get past the scanner as well.
  const telling = fc.constantFrom(...Buffer.from('0123456789[]{}",:-.e\\ FIUu'));
  const edit = fc.record({
    at: fc.oneof(
      { weight: 1, arbitrary: fc.nat(7) },
      { weight: 8, arbitrary: fc.integer({ min: 8, max: headerEnd }) },
      { weight: 1, arbitrary: fc.nat(whole.length) },
    ),
    remove: fc.nat(3),
    insert: fc.array(
      fc.oneof({ weight: 4, arbitrary: telling }, { weight: 1, arbitrary: fc.nat(255) }),
      { maxLength: 3 },
    ),
  });
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.array(edit, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (edits, fixLength) => {
        let bytes = [...whole];
        for (const { at, remove, insert } of edits) {
          bytes = [...bytes.slice(0, at), ...insert, ...bytes.slice(at + remove)];
        }
        const mutant = Uint8Array.from(bytes);
        // Half of them get a length that fits again, else most would fail at the first check.
        if (fixLength && mutant.length > 8) {
          const grown = Math.max(0, headerEnd - 8 + mutant.length - whole.length);
          new DataView(mutant.buffer).setBigUint64(0, BigInt(grown), true);
        }
        try {
          const { tensors } = readSafetensors(mutant);
          accepted++;
          for (const { shape, data } of tensors.values()) {
            const count = shape.reduce((product, size) => product * size, 1);
            expect((data as Uint8Array).length).toBe(count);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      },
    ),
    { numRuns: 5000, seed: 4 },
  );
  expect(accepted).toBeGreaterThan(10); // else the mutants never got through the first checks
});
