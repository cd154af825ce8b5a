// Beam search on trees whose best path is known, and on a model against every sequence.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beamSearch, type Extend, generateBeams } from '../../src/llm/beam_search.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Device } from '../../src/ops/device.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { noGrad } from '../../src/tensor/tape.ts';

/** A model that is a table: ln p of the next token, by the tokens before it. */
function table(probabilities: Record<string, number[]>): Extend {
  let sequences: number[][] = [[]];
  return async (kept) => {
    if (kept) sequences = kept.map(({ parent, token }) => [...sequences[parent]!, token]);
    return sequences.map((ids) => probabilities[ids.join(' ')]!.map(Math.log));
  };
}

// P(A) = .5 and P(B) = .4; A's best child has .4, B's .9.
const TREE = {
  '': [0.5, 0.4, 0.1],
  '0': [0.4, 0.3, 0.3],
  '1': [0.9, 0.05, 0.05],
  '2': [0.4, 0.3, 0.3],
};

describe('F2 beam search', () => {
  it('greedy finds .20, two beams the best of all, .36', async () => {
    const [greedy] = await beamSearch(table(TREE), { beams: 1, maxNewTokens: 2 });
    expect(Math.exp(greedy!.logProb)).toBeCloseTo(0.2, 12);
    const [best, second] = await beamSearch(table(TREE), { beams: 2, maxNewTokens: 2 });
    expect(best!.newIds).toEqual([1, 0]);
    expect(Math.exp(best!.logProb)).toBeCloseTo(0.36, 12);
    expect(Math.exp(second!.logProb)).toBeCloseTo(0.2, 12);
  });

  it("the lecture's pseudo-code, B equal beams in a list, collapses to greedy", async () => {
    // As printed: the candidates of every copy are put in one list, and the B best entries are all the same.
    const step = (beams: { ids: number[]; p: number }[]) =>
      beams
        .flatMap(({ ids, p }) =>
          TREE[ids.join(' ') as keyof typeof TREE].map((q, token) => ({
            ids: [...ids, token],
            p: p * q,
          })),
        )
        .sort((a, b) => b.p - a.p)
        .slice(0, 2);
    const start = { ids: [], p: 1 };
    const [best] = step(step([start, start]));
    expect(best!.p).toBeCloseTo(0.2, 12);
  });

  it('L15 begins with one sequence, keeps a set, and lets ends stand: the printed one does none of it', async () => {
    const asked: number[] = [];
    const tree: Record<string, number[]> = {
      ...{ '': [0.5, 0.3, 0.2], '0': [0.2, 0.2, 0.6], '1': [0.6, 0.3, 0.1] },
      ...{ '0 0': [0.4, 0.3, 0.3], '0 1': [0.3, 0.4, 0.3], '1 0': [0.3, 0.3, 0.4] },
    };
    const extend = table(tree);
    const found = await beamSearch(
      (kept) => {
        asked.push(kept?.length ?? 1);
        return extend(kept);
      },
      { beams: 2, maxNewTokens: 3, ends: [2], lengthPenalty: 0 },
    );
    expect(asked[0]).toBe(1);
    expect(new Set(found.map(({ newIds }) => newIds.join(' '))).size).toBe(found.length);
    expect(found[0]!.newIds).toEqual([0, 2]); // .3, and nothing is written after its end
    expect(Math.exp(found[0]!.logProb)).toBeCloseTo(0.3, 12);
  });

  it('a longer sequence wins or loses by the length penalty', async () => {
    // Token 2 ends: at once with .5, or after one more token with .4 * .9.
    const ending = { '': [0.1, 0.4, 0.5], '0': [0.1, 0.1, 0.8], '1': [0.05, 0.05, 0.9] };
    const search = (lengthPenalty: number) =>
      beamSearch(table(ending), { beams: 2, maxNewTokens: 2, ends: [2], lengthPenalty });
    expect((await search(0))[0]!.newIds).toEqual([2]);
    const [long] = await search(1);
    expect(long!.newIds).toEqual([1, 2]);
    expect(long!.score).toBeCloseTo(Math.log(0.36) / 2, 12);
  });

  it('a beam that ended keeps its place while others go on', async () => {
    const ending = { '': [0.6, 0.3, 0.1], '0': [0.3, 0.3, 0.4], '1': [0.98, 0.01, 0.01] };
    const found = await beamSearch(table(ending), {
      beams: 2,
      maxNewTokens: 2,
      ends: [2],
      lengthPenalty: 0,
    });
    expect(found.map(({ newIds }) => newIds)).toEqual([
      [1, 0],
      [0, 2],
    ]);
    expect(Math.exp(found[1]!.logProb)).toBeCloseTo(0.24, 12);
  });

  it.each([
    [{ beams: 0, maxNewTokens: 2 }, 'beams is 0'],
    [{ maxNewTokens: 0 }, 'maxNewTokens is 0'],
    [{ maxNewTokens: 1, lengthPenalty: Number.NaN }, 'lengthPenalty is NaN'],
  ])('%j is refused', async (options, message) => {
    await expect(beamSearch(table(TREE), options)).rejects.toThrow(message);
  });
});

describe('F2 with a model', () => {
  const [V, LENGTH] = [5, 4];
  let device: Device;
  let model: Transformer;
  beforeAll(async () => {
    device = await Device.open({ announce: null });
    model = new Transformer(new Initialiser(device, 1), {
      vocabularySize: V,
      context: 8,
      layers: 1,
      heads: 2,
      keyValueHeads: 1,
      width: 8,
      hidden: 12,
      positions: 'rope',
      norm: 'rmsNorm',
      activation: 'swiglu',
      bias: false,
      tiedEmbeddings: false,
      dropout: 0,
    });
    const random = randomStream(5, 0);
    for (const x of model.parameters())
      x.write(Array.from(await x.data(), (v) => v + 0.5 * random.normal()));
  });
  afterAll(() => device.destroy());

  const PROMPT = [1, 3, 0];

  /** Σ ln p of every sequence of LENGTH tokens after the prompt, by one forward pass over all of them. */
  async function everySequence(): Promise<{ newIds: number[]; logProb: number }[]> {
    const count = V ** LENGTH;
    const all = Array.from({ length: count }, (_, i) =>
      Array.from({ length: LENGTH }, (_, t) => Math.floor(i / V ** (LENGTH - 1 - t)) % V),
    );
    const T = PROMPT.length + LENGTH - 1;
    const ids = all.flatMap((newIds) => [...PROMPT, ...newIds.slice(0, -1)]);
    const logits = noGrad(() =>
      model.forward(device.tensor(Int32Array.from(ids), { shape: [count, T] })),
    );
    const values = await logits.data();
    logits.dispose();
    return all.map((newIds, row) => {
      const logProb = newIds.reduce((sum, id, t) => {
        const at = (row * T + PROMPT.length - 1 + t) * V;
        const z = Array.from(values.subarray(at, at + V));
        const total = z.reduce((a, b) => a + Math.exp(b), 0);
        return sum + z[id]! - Math.log(total);
      }, 0);
      return { newIds, logProb };
    });
  }

  it('|V|^(T-1) beams find the best of all sequences, in their order', async () => {
    const want = (await everySequence()).sort((a, b) => b.logProb - a.logProb);
    const beams = V ** (LENGTH - 1);
    const found = await generateBeams(device, model, PROMPT, { beams, maxNewTokens: LENGTH });
    for (let i = 0; i < 20; i++) {
      expect(found[i]!.newIds).toEqual(want[i]!.newIds);
      expect(Math.abs(found[i]!.logProb - want[i]!.logProb)).toBeLessThan(1e-5);
    }
  });

  it('a few beams score what they say, and leave no memory behind', async () => {
    const all = await everySequence();
    const search = () => generateBeams(device, model, PROMPT, { beams: 3, maxNewTokens: LENGTH });
    await search();
    const { tensors, bytesInUse } = device.memory();
    const found = await search();
    expect(device.memory()).toMatchObject({ tensors, bytesInUse });
    expect(found).toHaveLength(3);
    for (const { newIds, logProb } of found) {
      const same = all.find((each) => each.newIds.join() === newIds.join())!;
      expect(Math.abs(logProb - same.logProb)).toBeLessThan(1e-5);
    }
  });

  it('past the context is refused', async () => {
    await expect(generateBeams(device, model, PROMPT, { maxNewTokens: 7 })).rejects.toThrow(
      "exceed the model's context of 8",
    );
  });
});
