// What the host needs to know of a WGSL file: its entry points, its parameter struct, its constants.
//
// A kernel file stays plain WGSL. The host specialises it in one way only: it replaces the initialiser of
// a module-scope `const NAME: T = …;` or `alias NAME = …;` by name. There is no template language.

import { KernelError } from '../errors.ts';

export type Scalar = 'u32' | 'i32' | 'f32';

/** A field of the parameter struct: `count` scalars from `offset` (in bytes). */
export interface ParamField {
  readonly name: string;
  readonly type: Scalar;
  readonly count: number;
  readonly offset: number;
}

export interface ParamStruct {
  readonly fields: readonly ParamField[];
  readonly bytes: number;
}

/** A value to put in a constant's place: a number, or the name of another constant, or a type for an alias. */
export type Constants = Readonly<Record<string, number | string>>;

/** Values of the parameter struct, by field name; vectors and arrays as lists. */
export type ParamValues = Readonly<Record<string, number | readonly number[]>>;

/** A kernel file, read once. */
export interface KernelFile {
  readonly name: string;
  readonly text: string;
  readonly entries: readonly string[];
  readonly params: ParamStruct | null;
}

// The attributes in either order.
const ENTRY_POINT = /@compute\s+(?:@workgroup_size\([^)]*\)\s*)?fn\s+(\w+)/g;
const DECLARATION = /^[ \t]*(?:fn|const|alias|struct|var<[^>]*>)\s+(\w+)/gm;

/** What the uniform arena has room for. */
export const MAX_PARAMS_BYTES = 1024;

/** Structs in the arena begin on multiples of this many bytes: the default minUniformBufferOffsetAlignment. */
export const PARAMS_ALIGN = 256;

/** Reads entry points and the parameter struct (`struct Params`) of a kernel file. */
export function readKernel(name: string, text: string): KernelFile {
  const code = stripComments(text);
  const entries = [...code.matchAll(ENTRY_POINT)].map((m) => m[1]!);
  if (entries.length === 0) throw new KernelError(`${name}: no @compute entry point found`);
  return { name, text, entries, params: readParams(name, code) };
}

/**
 * The file, what it needs of the library after it, and some constants replaced. `alias Element = f32;` is replaced likewise,
 * and f16 enables its extension. A file that declares one of the library's names itself stands alone.
 * @throws KernelError for a name that neither declares.
 */
export function specialise(
  file: KernelFile,
  library: readonly string[],
  constants: Constants,
): string {
  let { text } = file;
  const own = declared(text);
  const alone = declared(library.join('\n')).some((name) => own.includes(name));
  if (!alone) text += neededBy(text + Object.values(constants), library);
  for (const [name, value] of Object.entries(constants)) {
    const declaration = new RegExp(
      `^((?:const ${name}\\s*:\\s*\\w+|alias ${name})\\s*=\\s*)[^;]+;`,
      'm',
    );
    if (!declaration.test(text))
      throw new KernelError(`${file.name}: no constant "${name}" to replace`);
    text = text.replace(declaration, (_, head: string) => `${head}${value};`);
  }
  // On the first line, so that the line numbers of compile errors stay those of the file.
  return /\bf16\b/.test(stripComments(text)) ? `enable f16; ${text}` : text;
}

/** The files of the library of which a text names something, and those that these need, which come before them. */
function neededBy(text: string, library: readonly string[]): string {
  const words = new Set(text.match(/\w+/g));
  let needed = '';
  for (const part of library.toReversed()) {
    if (!declared(part).some((name) => words.has(name))) continue;
    needed = `\n${part}${needed}`;
    for (const word of part.match(/\w+/g)!) words.add(word);
  }
  return needed;
}

/** Names that the text declares at module scope. */
const declared = (text: string): string[] => [...text.matchAll(DECLARATION)].map((m) => m[1]!);

/** Removes `//` and block comments and keeps the lines. */
export function stripComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (m) => m.replace(/[^\n]/g, ''))
    .replace(/\/\/[^\n]*/g, '');
}

/** Writes `values` into `view` from byte `at`. Unknown, missing or badly sized fields are errors. */
export function writeParams(
  file: KernelFile,
  values: ParamValues,
  view: DataView,
  at: number,
): void {
  const fields = file.params?.fields ?? [];
  let used = 0;
  for (const field of fields) {
    const value = values[field.name];
    if (value === undefined)
      throw new KernelError(`${file.name}: parameter "${field.name}" is missing`);
    used++;
    if (typeof value === 'number') writeScalar(view, at + field.offset, field.type, value);
    else {
      if (value.length > field.count) {
        throw new KernelError(
          `${file.name}: "${field.name}" takes ${field.count} values, got ${value.length}`,
        );
      }
      for (let i = 0; i < field.count; i++) {
        writeScalar(view, at + field.offset + 4 * i, field.type, value[i] ?? 0);
      }
    }
  }
  if (used === Object.keys(values).length) return;
  const known = new Set(fields.map((f) => f.name));
  const unknown = Object.keys(values).filter((key) => !known.has(key));
  throw new KernelError(
    `${file.name}: no parameter "${unknown.join('", "')}" in its struct Params`,
  );
}

function writeScalar(view: DataView, at: number, type: Scalar, value: number): void {
  if (type === 'f32') view.setFloat32(at, value, true);
  else if (type === 'i32') view.setInt32(at, value, true);
  else view.setUint32(at, value, true);
}

/** Uniform layout of the types that parameters use: scalars, vec2, vec4, and arrays of vec4. */
function readParams(name: string, code: string): ParamStruct | null {
  const body = /struct\s+Params\s*\{([^}]*)\}/.exec(code)?.[1];
  if (body === undefined) return null;
  const fields: ParamField[] = [];
  let bytes = 0;
  // Commas inside array<vec4u, 2> do not end a field.
  for (const part of body.split(/,(?![^<]*>)/)) {
    if (part.trim() === '') continue;
    const [fieldName, typeName] = part.split(':').map((s) => s.trim()) as [string, string];
    const { type, count, align } = readType(name, typeName);
    const offset = Math.ceil(bytes / align) * align;
    fields.push({ name: fieldName, type, count, offset });
    bytes = offset + 4 * count;
  }
  if (bytes > MAX_PARAMS_BYTES) {
    throw new KernelError(
      `${name}: struct Params takes ${bytes} bytes, at most ${MAX_PARAMS_BYTES} fit; use a tensor`,
    );
  }
  return { fields, bytes: Math.ceil(bytes / 16) * 16 };
}

function readType(name: string, typeName: string): { type: Scalar; count: number; align: number } {
  const array = /^array<\s*vec4([uif])\s*,\s*(\d+)\s*>$/.exec(typeName);
  if (array) return { type: SUFFIX[array[1]!]!, count: 4 * Number(array[2]), align: 16 };
  const vector = /^vec([24])([uif])$/.exec(typeName);
  if (vector)
    return { type: SUFFIX[vector[2]!]!, count: Number(vector[1]), align: 4 * Number(vector[1]) };
  if (typeName === 'u32' || typeName === 'i32' || typeName === 'f32')
    return { type: typeName, count: 1, align: 4 };
  throw new KernelError(
    `${name}: struct Params may hold u32, i32, f32, vec2, vec4 and arrays of vec4, not ${typeName}`,
  );
}

const SUFFIX: Record<string, Scalar> = { u: 'u32', i: 'i32', f: 'f32' };
