// A language model as an actor-critic: π is its next-token distribution, V a linear head on what it has read.

import { ConfigError } from '../errors.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { readTokens, type Speaker, speakersTensors } from './speaker.ts';

export interface TextPolicyOptions {
  /** With a value head, which begins at 0, as OpenAI's lm-human-preferences; without one there are no values. */
  readonly values: boolean;
  /** Divisor of the logits, in drawing as in judging. */
  readonly temperature: number;
}

/** All [B, T]. */
export interface TokenJudgement {
  /** log π(target). */
  readonly logProbs: Tensor;
  readonly entropy: Tensor;
  /** V of the text up to each token; null without a value head. */
  readonly values: Tensor | null;
}

/**
 * What is trained of a language model: one of its adapters, or the model itself where that is null, and a value head. Its
 * other tensors are frozen, and are not this module's.
 */
export class TextPolicy extends Module {
  readonly speaker: Speaker;
  readonly temperature: number;
  readonly valueHead: Linear | null;

  /** @throws ConfigError where the model has no such adapter. */
  constructor(device: Device, speaker: Speaker, { values, temperature }: TextPolicyOptions) {
    super();
    this.speaker = speaker;
    this.temperature = temperature;
    const { model, adapter } = speaker;
    const own = speakersTensors(speaker);
    if (own.size === 0)
      throw new ConfigError(`TextPolicy: the model has no adapter "${adapter}" to train`);
    for (const [name, x] of model.namedTensors()) if (!own.has(name)) x.requireGrad(false);
    for (const x of own.values()) x.requireGrad();
    const head = () =>
      new Linear(new Initialiser(device), model.config.width, 1, { bias: true, std: 0 });
    this.valueHead = values ? head() : null;
  }

  override namedTensors(prefix = ''): Map<string, Tensor> {
    const head = this.valueHead?.namedTensors(`${prefix}valueHead.`) ?? [];
    const own = [...speakersTensors(this.speaker)].map(([name, x]) => [prefix + name, x] as const);
    return new Map([...own, ...head]);
  }

  judge(ids: Tensor, targets: Tensor): TokenJudgement {
    const { speaker, temperature, valueHead } = this;
    const { hidden, logProb, entropy } = readTokens(speaker, ids, targets, { temperature });
    const values = valueHead && reshape(valueHead.forward(hidden), targets.shape);
    return { logProbs: logProb, entropy, values };
  }
}
