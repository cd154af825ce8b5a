// Files that are no safetensors, each for another reason, and the reason.

/** A file of a header, with its right length unless told otherwise, and so many bytes of data. */
export function file(header: string | Uint8Array, dataBytes = 0, claimed?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A header with one tensor "w"; the fields are given as JSON. */
function one(shape: string, offsets: string, dtype = '"F32"', name = '"w"'): string {
  return `{${name}:{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;
}

function two(a: [number, number], b: [number, number]): string {
  const entry = ([begin, end]: [number, number]) =>
    `{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;
  return `{"a":${entry(a)},"b":${entry(b)}}`;
}

const valid = file(one('[2]', '[0,8]'), 8);
const manyEmpty = Array.from(
  { length: 100_000 },
  (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`,
);

export const malicious: Record<string, [Uint8Array, RegExp]> = {
  empty: [new Uint8Array(0), /0 bytes, too short/],
  '7 bytes': [new Uint8Array(7), /7 bytes, too short/],
  'length 0': [file('', 0), /header of 0 bytes/],
  'length 1': [file('{', 0), /header of 1 bytes/],
  'length beyond the file': [file('{}', 0, 3n), /end at byte 11, the file at 10/],
  'length 2^53 + 1': [file('{}', 0, 2n ** 53n + 1n), /9007199254740993 bytes exceeds/],
  'length 2^64 - 1': [file('{}', 0, 2n ** 64n - 1n), /18446744073709551615 bytes exceeds/],
  'length with the sign bit': [file('{}', 0, 2n ** 63n), /exceeds/],
  'header of 100 MB + 1': [file('{}', 100_000_000, 100_000_001n), /exceeds the limit/],
  'not UTF-8': [file(Uint8Array.of(0x7b, 0xff, 0x7d)), /not valid UTF-8/],
  'overlong UTF-8': [file(Uint8Array.of(0x7b, 0xc0, 0xaf, 0x7d)), /not valid UTF-8/],
  'byte order mark': [file('\ufeff{}'), /does not begin with \{/],
  'leading space': [file(' {}'), /does not begin with \{/],
  'UTF-16': [file(new Uint8Array(Buffer.from('{}', 'utf16le'))), /expected a key/],
  'not JSON': [file('{hello}'), /expected a key/],
  'an array': [file('[]'), /does not begin with \{/],
  'a string': [file('"{}"'), /does not begin with \{/],
  'JSON after the header': [file('{}{}'), /after the end/],
  'zero bytes as padding': [file('{}\0\0'), /after the end/],
  unclosed: [file('{"w":'), /ends early/],
  'trailing comma': [file('{"w":1,}'), /expected a key/],
  comment: [file('{/* */}'), /expected a key/],
  'nested 100,000 deep': [file(`{"w":${'['.repeat(100_000)}`), /nested deeper than 3/],
  'objects nested 100,000 deep': [file('{"w":'.repeat(100_000)), /nested deeper than 3/],
  'duplicate name': [
    file(`${one('[1]', '[0,4]').slice(0, -1)},${one('[1]', '[0,4]').slice(1)}`, 4),
    /duplicate key "w"/,
  ],
  'duplicate name by an escape': [
    file(
      `${one('[1]', '[0,4]').slice(0, -1)},${one('[1]', '[0,4]', '"F32"', '"\\u0077"').slice(1)}`,
      4,
    ),
    /duplicate key "w"/,
  ],
  'duplicate field': [
    file('{"w":{"dtype":"F32","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 4),
    /duplicate key "dtype"/,
  ],
  'lone surrogate in a name': [file(one('[1]', '[0,4]', '"F32"', '"\\ud800"'), 4), /surrogate/],
  'control character in a name': [
    file(one('[1]', '[0,4]', '"F32"', '"a\nb"'), 4),
    /control character/,
  ],
  'name of 1 MB': [
    file(one('[1]', '[0,4]', '"F32"', `"${'n'.repeat(1e6)}"`), 4),
    /its name exceeds 4096/,
  ],
  'metadata not an object': [file('{"__metadata__":[]}'), /__metadata__ is not an object/],
  'metadata null': [file('{"__metadata__":null}'), /__metadata__ is not an object/],
  'metadata with a number': [
    file('{"__metadata__":{"format":1}}'),
    /__metadata__ "format" is not a string/,
  ],
  'metadata with an object': [
    file('{"__metadata__":{"__proto__":{}}}'),
    /"__proto__" is not a string/,
  ],
  'entry null': [file('{"w":null}'), /"w": its entry is not an object/],
  'entry an array': [file('{"w":[]}'), /"w": its entry is not an object/],
  'unknown dtype': [file(one('[1]', '[0,4]', '"F31"'), 4), /"w": dtype "F31"; known are/],
  'lower-case dtype': [file(one('[1]', '[0,4]', '"f32"'), 4), /"w": dtype "f32"/],
  'sub-byte dtype': [file(one('[2]', '[0,1]', '"F4"'), 1), /"w": dtype "F4"/],
  'dtype toString': [file(one('[1]', '[0,4]', '"toString"'), 4), /"w": dtype "toString"/],
  'dtype a number': [file(one('[1]', '[0,4]', '32'), 4), /"w": dtype is not a string/],
  'shape a number': [file(one('1', '[0,4]'), 4), /"w": shape is not a list/],
  'shape of strings': [file(one('["1"]', '[0,4]'), 4), /"w": shape is not a list/],
  'shape of null': [file(one('[null]', '[0,4]'), 4), /"w": shape is not a list/],
  'shape negative': [file(one('[-1]', '[0,4]'), 4), /-1 is not an integer.*"w"\."shape"/],
  'shape minus zero': [file(one('[-0]', '[0,0]')), /-0 is not an integer/],
  'shape fractional': [file(one('[1.5]', '[0,6]'), 6), /1\.5 is not an integer/],
  'shape 16.0': [file(one('[16.0]', '[0,64]'), 64), /16\.0 is not an integer/],
  'shape 1e3': [file(one('[1e3]', '[0,4000]'), 4000), /1e3 is not an integer/],
  'shape 2^53': [file(one('[9007199254740992]', '[0,4]'), 4), /not an integer from 0 to 2\^53/],
  'shape with a product of 2^64': [
    file(one('[4294967296,4294967296]', '[0,0]')),
    /"w": shape .* beyond 2\^53/,
  ],
  'shape with a product that wraps to 4': [
    file(one('[2147483649,2147483648,4]', '[0,4]'), 4),
    /beyond 2\^53/,
  ],
  'shape of 1000 dimensions': [
    file(one(`[${Array(1000).fill(1)}]`, '[0,4]'), 4),
    /"w": 1000 dimensions exceed 64/,
  ],
  'shape of 100,000 dimensions': [
    file(one(`[${Array(100_000).fill(1)}]`, '[0,4]'), 4),
    /more than 32768 entries in "w"\."shape"/,
  ],
  'no elements, but bytes': [
    file(one('[0]', '[0,4]'), 4),
    /"w": shape \[0\] of F32 takes 0 bytes.*hold 4/,
  ],
  'fewer bytes than the shape': [
    file(one('[1000000]', '[0,4]'), 4),
    /"w": .*takes 4000000 bytes.*hold 4/,
  ],
  'offsets reversed': [file(one('[1]', '[4,0]'), 4), /"w": data_offsets \[4, 0\] are reversed/],
  'offsets negative': [file(one('[1]', '[-4,0]'), 4), /-4 is not an integer/],
  'offsets fractional': [file(one('[1]', '[0.5,4.5]'), 8), /0\.5 is not an integer/],
  'one offset': [file(one('[1]', '[0]'), 4), /"w": data_offsets are not two/],
  'three offsets': [file(one('[1]', '[0,4,8]'), 8), /"w": data_offsets are not two/],
  'offsets overlapping': [file(two([0, 4], [2, 6]), 6), /"b": begins at byte 2 and overlaps/],
  'two tensors over the same bytes': [
    file(two([0, 4], [0, 4]), 4),
    /"b": begins at byte 0 and overlaps/,
  ],
  'one tensor within another': [file(two([0, 8], [2, 4]), 8), /"b": begins at byte 2 and overlaps/],
  'a hole': [file(two([0, 4], [5, 9]), 9), /"b": begins at byte 5 and leaves a hole/],
  'not from 0': [file(one('[1]', '[4,8]'), 8), /"w": begins at byte 4 and leaves a hole/],
  'past the end': [file(one('[1000]', '[0,4000]'), 4), /"w": ends at byte 4000 of 4/],
  'one byte short': [valid.subarray(0, valid.length - 1), /"w": ends at byte 8 of 7/],
  'truncated in the header': [valid.subarray(0, 20), /truncated/],
  'truncated in a tensor': [file(two([0, 4], [4, 8]), 6), /"b": ends at byte 8 of 6/],
  'a byte after the last tensor': [file(one('[2]', '[0,8]'), 9), /1 bytes after the last tensor/],
  'a valid file with a ZIP behind it': [
    Uint8Array.from([...valid, ...new TextEncoder().encode('PK\x05\x06'), ...new Uint8Array(18)]),
    /22 bytes after the last tensor/,
  ],
  'data, but no tensor': [file('{}', 4), /4 bytes after the last tensor/],
  'an extra field': [
    file('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4),
    /"w": unknown field "x"/,
  ],
  'a field __proto__': [
    file('{"w":{"__proto__":{},"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    /"w": unknown field "__proto__"/,
  ],
  'no dtype': [file('{"w":{"shape":[1],"data_offsets":[0,4]}}', 4), /"w": needs dtype/],
  'no shape': [file('{"w":{"dtype":"F32","data_offsets":[0,4]}}', 4), /"w": needs dtype, shape/],
  'no offsets': [
    file('{"w":{"dtype":"F32","shape":[1]}}', 4),
    /"w": needs dtype, shape and data_offsets/,
  ],
  '100,000 empty tensors': [file(`{${manyEmpty.join(',')}}`), /more than 32768 tensors/],
};
