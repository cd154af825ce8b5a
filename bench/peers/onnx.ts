// Writes ONNX models: as much of the format (protocol buffers of onnx.proto) as graphs of ops over constants need.

export type Attribute = number | string | readonly number[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** A graph without inputs; values are known by their names. */
export class OnnxGraph {
  private readonly nodes: Uint8Array[] = [];
  private readonly constants: Uint8Array[] = [];
  private count = 0;

  constant(data: Float32Array | Int32Array | BigInt64Array, shape: readonly number[]): string {
    const name = `c${this.count++}`;
    const type = data instanceof Float32Array ? FLOAT : data instanceof Int32Array ? INT32 : INT64;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.constants.push(
      message(5, [
        ...shape.map((d) => integer(1, d)),
        integer(2, type),
        text(8, name),
        raw(9, bytes),
      ]),
    );
    return name;
  }

  scalar(value: number): string {
    return this.constant(Float32Array.of(value), []);
  }

  integers(...values: number[]): string {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** The name of the node's only output that is used. */
  op(type: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = `v${this.count++}`;
    const parts = Object.entries(attributes).map(([key, value]) =>
      message(5, attribute(key, value)),
    );
    this.nodes.push(
      message(1, [...inputs.map((x) => text(1, x)), text(2, name), text(4, type), ...parts]),
    );
    return name;
  }

  /** The model that gives these values, all f32. */
  model(outputs: readonly string[]): Uint8Array {
    const float = message(2, [message(1, [integer(1, FLOAT)])]);
    const declared = outputs.map((name) => message(12, [text(1, name), float]));
    const graph = [...this.nodes, text(2, 'item'), ...this.constants, ...declared];
    const opset = message(8, [text(1, ''), integer(2, 18)]);
    return joined([integer(1, IR_VERSION), message(7, graph), opset]);
  }
}

const IR_VERSION = 9;
const [FLOAT, INT32, INT64] = [1, 6, 7];
const [VARINT, BYTES, FIXED32] = [0, 2, 5]; // wire types

function attribute(name: string, value: Attribute): Uint8Array[] {
  const [FLOAT_ATTRIBUTE, INT_ATTRIBUTE, STRING_ATTRIBUTE, INTS_ATTRIBUTE] = [1, 2, 3, 7];
  if (typeof value === 'string')
    return [text(1, name), text(4, value), integer(20, STRING_ATTRIBUTE)];
  if (typeof value !== 'number')
    return [text(1, name), ...value.map((v) => integer(8, v)), integer(20, INTS_ATTRIBUTE)];
  if (Number.isInteger(value))
    return [text(1, name), integer(3, value), integer(20, INT_ATTRIBUTE)];
  const bits = new Uint8Array(Float32Array.of(value).buffer);
  return [text(1, name), tagged(2, FIXED32, bits), integer(20, FLOAT_ATTRIBUTE)];
}

/** A negative integer has the 64 bits of its two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...bytes, Number(rest));
}

const tagged = (field: number, wire: number, payload: Uint8Array) =>
  joined([varint(field * 8 + wire), payload]);

const integer = (field: number, value: number) => tagged(field, VARINT, varint(value));

const raw = (field: number, bytes: Uint8Array) =>
  tagged(field, BYTES, joined([varint(bytes.length), bytes]));

const text = (field: number, value: string) => raw(field, new TextEncoder().encode(value));

const message = (field: number, parts: readonly Uint8Array[]) => raw(field, joined(parts));

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
