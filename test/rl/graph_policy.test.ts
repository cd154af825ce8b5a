// The policy of a graph: the same for every node, whatever their order, and for graphs of other sizes.

import { describe, expect, test } from 'vitest';
import { mean } from '../../src/ops/reduce.ts';
import { square } from '../../src/ops/unary.ts';
import { box, discrete } from '../../src/rl/environment.ts';
import { chainGraph, type Graph, GraphActorCritic } from '../../src/rl/graph_policy.ts';
import { backward } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

const [B, F] = [3, 5];
const spacesOf = ({ nodes, actors }: Graph) => ({
  observationSpace: box([nodes, F]),
  actionSpace: box([actors.length], -1, 1),
});
const modelOf = (graph: Graph, options = {}) =>
  new GraphActorCritic(device, spacesOf(graph), { seed: 1, graph, width: 8, ...options });

async function judged(model: GraphActorCritic, rows: number[][], states = B) {
  const nodes = rows.length / states;
  const observations = device.tensor(rows.flat(), { shape: [states, nodes, F] });
  const means = await model.policy(observations).mode().data();
  return { means: [...means], values: [...(await model.value(observations).data())] };
}

/** `count` rows of features, a different one for each state and node. */
const features = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    Array.from({ length: F }, (_, j) => Math.sin(3 * i + 7 * j)),
  );

const close = (got: readonly number[], want: readonly number[]) => {
  expect(got).toHaveLength(want.length);
  for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 6);
};

/** The last layer of a policy begins near 0; here actions have to differ. */
const LOUD = { seed: 4 };

describe('K4 a graph policy', () => {
  test('nodes renamed, with their edges, give the renamed actions and the same value', async () => {
    const graph = chainGraph(4);
    const order = [2, 0, 3, 1]; // the new name of each node
    const renamed: Graph = {
      ...graph,
      edges: graph.edges.map(({ from, to, kind }) => ({
        from: order[from]!,
        to: order[to]!,
        kind,
      })),
      actors: graph.actors.map((node) => order[node]!),
    };
    const rows = features(B * 4);
    const moved = rows.map((_, i) => rows[Math.floor(i / 4) * 4 + order.indexOf(i % 4)]!);
    const [one, other] = [modelOf(graph, LOUD), modelOf(renamed, LOUD)];
    const [want, got] = [await judged(one, rows), await judged(other, moved)];
    expect(Math.abs(want.means[0]! - want.means[1]!)).toBeGreaterThan(1e-5);
    close(got.means, want.means);
    close(got.values, want.values);
    one.dispose();
    other.dispose();
  });

  test('a chain from its other end, edges turned, gives the actions from the other end', async () => {
    const all = (graph: Graph): Graph => ({ ...graph, actors: [0, 1, 2, 3] });
    const graph = all(chainGraph(4));
    const reversed: Graph = {
      ...graph,
      edges: graph.edges.map(({ from, to, kind }) => ({ from: 3 - from, to: 3 - to, kind })),
    };
    const rows = features(4);
    const [one, other] = [modelOf(graph, LOUD), modelOf(reversed, LOUD)];
    const want = await judged(one, rows, 1);
    const got = await judged(other, rows.toReversed(), 1);
    close(got.means, want.means.toReversed());
    close(got.values, want.values);
    one.dispose();
    other.dispose();
  });

  test('an action sees as many edges away as there are rounds, and no further', async () => {
    const model = modelOf(chainGraph(6), { rounds: 2 });
    const rows = features(6);
    const changed = rows.with(
      0,
      rows[0]!.map((x) => x + 1),
    );
    const [before, after] = [await judged(model, rows, 1), await judged(model, changed, 1)];
    const seen = before.means.map((x, i) => x !== after.means[i]); // of nodes 1 … 5
    expect(seen).toEqual([true, true, false, false, false]);
    model.dispose();
  });

  test('the states of a batch do not mix', async () => {
    const model = modelOf(chainGraph(3));
    const rows = features(B * 3);
    const whole = await judged(model, rows);
    for (let b = 0; b < B; b++) {
      const alone = await judged(model, rows.slice(3 * b, 3 * b + 3), 1);
      close(alone.means, whole.means.slice(2 * b, 2 * b + 2));
      close(alone.values, whole.values.slice(b, b + 1));
    }
    model.dispose();
  });

  test('the weights of one chain fit a longer one, where the far end makes no difference', async () => {
    const [short, long] = [
      modelOf(chainGraph(5), { rounds: 2 }),
      modelOf(chainGraph(6), { rounds: 2, seed: 9 }),
    ];
    const values = new Map(
      await Promise.all(
        [...short.namedTensors()].map(
          async ([name, x]) => [name, { shape: x.shape, data: await x.data() }] as const,
        ),
      ),
    );
    long.load(values);
    const rows = features(6);
    const [one, other] = [await judged(short, rows.slice(0, 5), 1), await judged(long, rows, 1)];
    close(other.means.slice(0, 2), one.means.slice(0, 2)); // of nodes 1 and 2, which see up to node 4
    short.dispose();
    long.dispose();
  });

  test('every weight has a gradient', async () => {
    const model = modelOf(chainGraph(3), { normaliseObservations: true });
    const observations = device.tensor(features(B * 3).flat(), { shape: [B, 3, F] });
    const actions = device.ones([B, 2]);
    const loss = device.scope(() => {
      const { logProb } = model.policy(observations).evaluate(actions);
      const loss = mean(square(logProb));
      backward(loss);
      backward(mean(square(model.value(observations))));
      return loss;
    });
    expect(await loss.item()).toBeGreaterThan(0);
    for (const [name, x] of model.namedParameters()) {
      const size = Math.hypot(...(await x.grad!.data()));
      expect(size, name).toBeGreaterThan(0);
    }
    model.dispose();
  });

  test("refuses spaces that are not the graph's", () => {
    const graph = chainGraph(3);
    const { observationSpace, actionSpace } = spacesOf(graph);
    for (const [seen, acted] of [
      [box([4, F]), actionSpace],
      [box([3 * F]), actionSpace],
      [observationSpace, box([3])],
      [observationSpace, discrete(2)],
    ] as const)
      expect(
        () =>
          new GraphActorCritic(
            device,
            { observationSpace: seen, actionSpace: acted },
            { seed: 1, graph },
          ),
      ).toThrow('a graph of 3 nodes, 2 of which act, does not fit');
  });
});
