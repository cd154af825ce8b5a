// Clipping gradients by their global norm, on the device.

import { ConfigError } from '../errors.ts';
import { gradNorm, rescale } from '../ops/grad_norm.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { kept } from './slabs.ts';

/** An optimiser, as clipping sees it. */
export interface Clippable {
  /** All gradients, flat. */
  gradients(): readonly Tensor[];
  /** Multiplies the gradients of the next step by the scale in clip [2], and disposes it then. */
  clipNextStep(clip: Tensor): void;
}

/**
 * Scales gradients so that their global norm is at most `maxNorm`: by min(1, maxNorm / (norm + 1e-6)), as PyTorch.
 *
 * Of an optimiser, its next step scales them as it reads them, and `grad` stays as it is; a list of gradients is scaled in
 * place. Gradients whose norm is not finite count as 0. Nothing is read back.
 *
 * @param target an optimiser, or gradients (f32, any shapes).
 * @returns the norm before clipping, a scalar: read it when it is wanted.
 * @throws ConfigError unless maxNorm > 0, or for an empty list.
 */
export function clipGradNorm(target: Clippable | Iterable<Tensor>, maxNorm: number): Tensor {
  if (!(maxNorm > 0))
    throw new ConfigError(`clipGradNorm: maxNorm is ${maxNorm}, expected more than 0`);
  const optimizer = 'clipNextStep' in target ? target : null;
  const gradients = optimizer ? optimizer.gradients() : [...(target as Iterable<Tensor>)];
  if (gradients.length === 0) throw new ConfigError('clipGradNorm: there are no gradients');
  const clip = gradNorm(gradients, maxNorm);
  const norm = clip.alias([], [], 0);
  if (optimizer) optimizer.clipNextStep(kept(clip));
  else {
    rescale(gradients, clip);
    clip.dispose();
  }
  return norm;
}
