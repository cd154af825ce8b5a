// Scopes: everything that is made inside is given back at the end, except what the function returns,
// parameters, and gradients. Scopes are synchronous, so one stack serves.

import { TensorError } from '../errors.ts';
import type { Tensor } from './tensor.ts';

/** What a scope frees besides tensors: the tape's nodes hold memory too. */
export interface Releasable {
  release(): void;
  leaveToCollector(): void;
}

interface Scope {
  tensors: Tensor[];
  nodes: Releasable[];
}

const scopes: Scope[] = [];

/** Registers a new tensor with the innermost scope, or with the collector when there is none. */
export function track(tensor: Tensor): Tensor {
  const scope = scopes.at(-1);
  if (scope) scope.tensors.push(tensor);
  else tensor.leaveToCollector();
  return tensor;
}

/** The same for a node. */
export function trackNode(node: Releasable): void {
  const scope = scopes.at(-1);
  if (scope) scope.nodes.push(node);
  else node.leaveToCollector();
}

/** Runs `fn` and frees what it made but does not return. The results are detached from the graph. */
export function scope<T>(fn: () => T): T {
  return inScope(fn, true);
}

/** As `scope`, but the results keep their place in the graph: for inside the tape. */
export function tidy<T>(fn: () => T): T {
  return inScope(fn, false);
}

function inScope<T>(fn: () => T, detach: boolean): T {
  const mine: Scope = { tensors: [], nodes: [] };
  scopes.push(mine);
  let result: T;
  const returned = new Set<Tensor>();
  try {
    result = fn();
    if (result instanceof Promise) {
      result.catch(() => {}); // what it rejects with does not matter any more
      throw new TensorError(
        'scope: the function must be synchronous; read back after the scope, not inside it',
      );
    }
    collect(result, returned);
  } finally {
    scopes.pop();
    const outer = scopes.at(-1);
    for (const tensor of mine.tensors) {
      if (tensor.disposed) continue;
      if (returned.has(tensor) || tensor.kept) {
        if (detach && tensor.edge && !('leaf' in tensor.edge)) tensor.edge = null;
        if (outer) outer.tensors.push(tensor);
        else tensor.leaveToCollector();
      } else tensor.dispose();
    }
    for (const node of mine.nodes) {
      if (detach) node.release();
      else trackNode(node);
    }
  }
  return result;
}

/** The tensors in a result: itself, or inside lists, maps and plain objects. */
function collect(value: unknown, found: Set<Tensor>): void {
  if (value === null || typeof value !== 'object') return;
  if ('storage' in value && 'runtime' in value) found.add(value as Tensor);
  else if (Array.isArray(value)) for (const item of value) collect(item, found);
  else if (value instanceof Map) for (const item of value.values()) collect(item, found);
  else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, found);
  }
}
