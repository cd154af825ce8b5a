// The components of a tokenizer.json: each is absent, one step with a `type`, or a Sequence of steps.

import { DataError } from '../errors.ts';
import { type ParsedJson, type ParsedObject, quoted } from '../io/json.ts';

/** The steps of a component, none where it is absent. `key` is where its Sequence holds them. */
export function stepsOf(
  component: ParsedJson | undefined,
  key: string,
  what: string,
): ParsedObject[] {
  if (component === undefined || component === null) return [];
  const step = object(component, what);
  if (step.get('type') !== 'Sequence') return [step];
  const steps = step.get(key);
  if (!Array.isArray(steps))
    throw new DataError(`${what}: the Sequence has no list ${quoted(key)}`);
  return steps.map((step, i) => object(step, `${what}: ${key}[${i}]`));
}

/** Their types, for a message. */
export function typesOf(steps: readonly ParsedObject[]): string {
  if (steps.length === 0) return 'absent';
  const types = steps.slice(0, 5).map((step) => show(step.get('type')));
  return types.join(', ');
}

/** A value as an error message may show it. */
export function show(value: ParsedJson | undefined): string {
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'string' ? quoted(value) : String(value);
}

export function object(value: ParsedJson | undefined, what: string): ParsedObject {
  if (value instanceof Map) return value;
  throw new DataError(`${what} is ${show(value)}; expected an object`);
}
