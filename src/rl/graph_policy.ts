// Policy and value function of a graph: every node has the same weights, and what it knows of the others comes to it
// along the edges (Gilmer et al. 2017; Wang et al. 2018, NerveNet). So the same weights fit any graph.
//
//   h_i    = tanh(W x_i + b)
//   h_i   <- tanh(U h_i + c + Σ { V_k h_j : edge (j, i) of kind k })      once per round
//   mean_i = w h_i        V = mean_i v h'_i        h' of a network of its own
//
// Nodes are rows, and a row holds all states of a batch: edges are then few, and the same for every batch.

import { ConfigError } from '../errors.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { add } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { mean } from '../ops/reduce.ts';
import { segmentSum } from '../ops/segment_sum.ts';
import { tanh } from '../ops/unary.ts';
import { permute, reshape, transpose } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Gaussian, gaussian } from './distributions.ts';
import { describeSpace, type Space } from './environment.ts';
import { type ActorCritic, OrthogonalInitialiser } from './networks.ts';
import { ObservationNorm } from './normalise.ts';

/** Directed edges, each of a kind that has weights of its own; and the nodes that act. */
export interface Graph {
  readonly nodes: number;
  readonly kinds: number;
  readonly edges: readonly { readonly from: number; readonly to: number; readonly kind: number }[];
  /** The node that each action is read from. */
  readonly actors: readonly number[];
}

/** Links in a row, each joined to the next one both ways; all but the first have a motor. */
export function chainGraph(links: number): Graph {
  const behind = Array.from({ length: links - 1 }, (_, i) => i + 1);
  return {
    nodes: links,
    kinds: 2,
    edges: behind.flatMap((i) => [
      { from: i - 1, to: i, kind: 0 },
      { from: i, to: i - 1, kind: 1 },
    ]),
    actors: behind,
  };
}

/** A graph on the device. No part of a model: the weights fit other graphs, too. */
class Edges {
  /** [E] i32: rows of what the nodes send, kind by kind. */
  readonly #sent: Tensor;
  /** [E] i32: the nodes that they go to. */
  readonly #to: Tensor;
  /** [A] i32 */
  readonly #actors: Tensor;

  constructor(
    device: Device,
    readonly graph: Graph,
  ) {
    const ids = (values: readonly number[]) =>
      Object.assign(device.tensor(values, { dtype: 'i32' }), { kept: true });
    this.#sent = ids(graph.edges.map(({ from, kind }) => kind * graph.nodes + from));
    this.#to = ids(graph.edges.map(({ to }) => to));
    this.#actors = ids(graph.actors);
  }

  /** What arrives at each node: of messages [nodes, B, kinds H] to its neighbours, [nodes, B, H]. */
  gathered(messages: Tensor): Tensor {
    const { nodes, kinds } = this.graph;
    const [B, H] = [messages.shape[1]!, messages.shape[2]! / kinds];
    const byKind = permute(reshape(messages, [nodes, B, kinds, H]), [2, 0, 1, 3]);
    const sent = embedding(reshape(byKind, [kinds * nodes, B * H]), this.#sent);
    return reshape(segmentSum(sent, this.#to, { count: nodes }), [nodes, B, H]);
  }

  /** The actors' numbers: [nodes, B, 1] -> [B, A]. */
  ofActors(x: Tensor): Tensor {
    return transpose(embedding(reshape(x, [x.shape[0]!, x.shape[1]!]), this.#actors));
  }

  dispose(): void {
    for (const ids of [this.#sent, this.#to, this.#actors]) ids.dispose();
  }
}

interface NetworkOptions {
  readonly width: number;
  readonly rounds: number;
  readonly kinds: number;
  /** Of the last layer's initial weights. */
  readonly gain: number;
}

/** [nodes, B, inputs] -> [nodes, B, 1]. */
class GraphNetwork extends Module {
  readonly first: Linear;
  /** Of each round. */
  readonly own: readonly Linear[];
  readonly messages: readonly Linear[];
  readonly last: Linear;

  constructor(
    init: OrthogonalInitialiser,
    inputs: number,
    { width, rounds, kinds, gain }: NetworkOptions,
  ) {
    super();
    const each = Array.from({ length: rounds });
    this.first = new Linear(init, inputs, width, { bias: true, std: Math.SQRT2 });
    this.own = each.map(() => new Linear(init, width, width, { bias: true, std: 1 }));
    this.messages = each.map(() => new Linear(init, width, kinds * width, { std: 1 }));
    this.last = new Linear(init, width, 1, { bias: true, std: gain });
  }

  forward(x: Tensor, edges: Edges): Tensor {
    let h = tanh(this.first.forward(x));
    for (const [round, own] of this.own.entries()) {
      const arrived = edges.gathered(this.messages[round]!.forward(h));
      h = tanh(add(own.forward(h), arrived));
    }
    return this.last.forward(h);
  }
}

export interface GraphActorCriticOptions {
  readonly seed: number;
  readonly graph: Graph;
  /** H. Default 32. */
  readonly width?: number;
  /** How many edges away a node's action sees. Default 3. */
  readonly rounds?: number;
  /** Scale the nodes' features by running statistics of all nodes together. Default false. */
  readonly normaliseObservations?: boolean;
  /** Initial ln σ, of all actors. Default 0. */
  readonly logStd?: number;
}

/** For observations [nodes, features] and a continuous action per actor. */
export class GraphActorCritic extends Module implements ActorCritic {
  readonly actor: GraphNetwork;
  readonly critic: GraphNetwork;
  /** [1] */
  readonly logStd: Tensor;
  readonly norm: ObservationNorm | null;
  readonly #edges: Edges;

  /** @throws ConfigError where the spaces are not the graph's */
  constructor(
    device: Device,
    { observationSpace, actionSpace }: { observationSpace: Space; actionSpace: Space },
    {
      seed,
      graph,
      width = 32,
      rounds = 3,
      normaliseObservations = false,
      logStd = 0,
    }: GraphActorCriticOptions,
  ) {
    super();
    const features = featuresOfNodes(graph, observationSpace, actionSpace);
    const init = new OrthogonalInitialiser(device, seed);
    const size = { width, rounds, kinds: graph.kinds };
    this.norm = normaliseObservations ? new ObservationNorm(device, features) : null;
    this.actor = new GraphNetwork(init, features, { ...size, gain: 0.01 });
    this.critic = new GraphNetwork(init, features, { ...size, gain: 1 });
    this.logStd = init.constant([1], logStd);
    this.#edges = new Edges(device, graph);
  }

  policy(observations: Tensor): Gaussian {
    const output = this.actor.forward(this.#nodes(observations), this.#edges);
    return gaussian(this.#edges.ofActors(output), this.logStd);
  }

  value(observations: Tensor): Tensor {
    const output = this.critic.forward(this.#nodes(observations), this.#edges);
    return reshape(mean(output, { axis: 0 }), [observations.shape[0]!]);
  }

  override dispose(): void {
    super.dispose();
    this.#edges.dispose();
  }

  /** [B, nodes, features], or in rows -> [nodes, B, features]. */
  #nodes(observations: Tensor): Tensor {
    const { nodes } = this.#edges.graph;
    const x = reshape(observations, [observations.shape[0]!, nodes, this.actor.first.inputs]);
    return permute(this.norm ? this.norm.forward(x) : x, [1, 0, 2]);
  }
}

function featuresOfNodes({ nodes, actors }: Graph, seen: Space, acted: Space): number {
  const fits =
    seen.kind === 'box' &&
    seen.shape.length === 2 &&
    seen.shape[0] === nodes &&
    acted.kind === 'box' &&
    acted.low.length === actors.length;
  if (fits) return seen.shape[1]!;
  throw new ConfigError(
    `GraphActorCritic: a graph of ${nodes} nodes, ${actors.length} of which act, does not fit observations of ${describeSpace(seen)} and actions of ${describeSpace(acted)}`,
  );
}
