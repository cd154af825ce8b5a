// One environment as a policy plays it, with what the policy says before each action: to watch it learn.

import type { CapturedStep } from '../ops/capture.ts';
import { cast } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { concat } from '../ops/shape_ops.ts';
import { softmax } from '../ops/softmax.ts';
import { exp } from '../ops/unary.ts';
import { expand, reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  allowedLogits,
  type Categorical,
  type Distribution,
  type Gaussian,
} from './distributions.ts';
import type { Environment, Start, Value } from './environment.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { type Frame, playEpisodes } from './play.ts';
import { actionsOf, encode, masksOf } from './rollout.ts';

/** What a policy says of the actions in a state. */
export type Outlook =
  | { readonly kind: 'discrete'; readonly probabilities: readonly number[] }
  | {
      readonly kind: 'continuous';
      readonly mean: readonly number[];
      readonly deviation: readonly number[];
    };

export interface WatchedFrame extends Frame {
  /** What `action` was drawn from; null where the episode begins. */
  readonly outlook: Outlook | null;
}

/**
 * Episodes without end, actions drawn from the model as it is at each step: it may be trained in between, and is not
 * changed. The caller stops; `return()` gives back what it holds.
 * @param seed of the environment and of the actions
 */
export async function* watchEpisodes(
  device: Device,
  model: Pick<ActorCritic, 'policy'>,
  environment: Environment,
  { seed }: { readonly seed: number },
): AsyncGenerator<WatchedFrame> {
  const onlooker = new Onlooker(device, model, environment, seed);
  let outlook: Outlook | null = null;
  const act = async (seen: Start) => {
    const told = await onlooker.ask(seen);
    outlook = told.outlook;
    return told.action;
  };
  try {
    const episodes = Number.MAX_SAFE_INTEGER;
    for await (const frame of playEpisodes(environment, act, { episodes, seed }))
      yield { ...frame, outlook: frame.action === null ? null : outlook };
  } finally {
    onlooker.dispose();
  }
}

class Onlooker {
  /** [1, ...] */
  readonly #observation: Tensor;
  /** [1, A] */
  #mask: Tensor | null = null;
  #ask: CapturedStep<Tensor> | null = null;
  #steps = 0;

  constructor(
    private readonly device: Device,
    private readonly model: Pick<ActorCritic, 'policy'>,
    private readonly spaces: Pick<Environment, 'observationSpace' | 'actionSpace'>,
    private readonly seed: number,
  ) {
    this.#observation = kept(device.zeros([1, ...observationShape(spaces.observationSpace)]));
  }

  async ask({ observation, info }: Start): Promise<{ action: Value; outlook: Outlook }> {
    const { observationSpace, actionSpace } = this.spaces;
    this.#observation.write(encode(observationSpace, [observation]));
    const mask = masksOf(actionSpace, [info]);
    if (mask) {
      this.#mask ??= kept(this.device.zeros([1, mask.length]));
      this.#mask.write(mask);
    }
    this.device.beginStep(this.seed, this.#steps++);
    if (this.#ask) this.#ask();
    else {
      const answer = () => answerOf(this.model.policy(this.#observation, this.#mask ?? undefined));
      this.#ask = this.device.capture(() => noGrad(answer));
    }
    const answer = Array.from((await this.#ask.result.data()) as Float32Array);
    if (actionSpace.kind === 'discrete') {
      const [action, ...probabilities] = answer;
      return { action: action!, outlook: { kind: 'discrete', probabilities } };
    }
    const A = actionSpace.low.length;
    const [mean, deviation] = [answer.slice(A, 2 * A), answer.slice(2 * A)];
    const action = actionsOf(actionSpace, answer.slice(0, A))[0]!;
    return { action, outlook: { kind: 'continuous', mean, deviation } };
  }

  dispose(): void {
    this.#ask?.dispose();
    this.#ask?.result.dispose();
    this.#observation.dispose();
    this.#mask?.dispose();
  }
}

/** Of one state, in one list to read: the action that is drawn, then all probabilities, or means and deviations. */
function answerOf(policy: Distribution): Tensor {
  const flat = (x: Tensor) => reshape(x, [x.size]);
  const drawn = flat(cast(policy.sample(), 'f32'));
  if ('logits' in policy)
    return concat([drawn, flat(softmax(allowedLogits(policy as Categorical)))]);
  const { mean, logStd } = policy as Gaussian;
  return concat([drawn, flat(mean), flat(expand(exp(logStd), mean.shape))]);
}

const kept = (x: Tensor): Tensor => Object.assign(x, { kept: true });
