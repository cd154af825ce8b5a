// What training asks for: the batches of each objective, and that each is learned, mixed, in phases, and resumed exactly.

import { describe, expect, test } from 'vitest';
import { openFolder } from '../../src/io/folder_node.ts';
import { readMetrics } from '../../src/io/metrics.ts';
import { trainingData } from '../../src/llm/data.ts';
import { bitsPerByte, perplexity } from '../../src/llm/evaluate.ts';
import { objectiveOf } from '../../src/llm/objectives.ts';
import { modelConfig, TRAIN_DEFAULTS, type TrainSettings } from '../../src/llm/settings.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { IGNORED_TARGET } from '../../src/text/loader.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { TINY, trainTraced, trainUntil } from './tiny.ts';

type Objective = TrainSettings['objective'];

const CONTEXT = 16;
const tokenizer = characterTokenizer('abcdefghij\n');
const V = tokenizer.vocabularySize;
const [MASK, START, SENTINEL] = [V, V + 1, V + 2];

/** A batch of 40 windows of random tokens. */
function batchOf(objective: Objective, documentSeparator: string | null = null) {
  const random = randomStream(1, 0);
  const tokens = () => Int32Array.from({ length: 40 * CONTEXT }, () => random.integer(V));
  const windows = { inputs: tokens(), targets: tokens() };
  const settings = { objective, context: CONTEXT, documentSeparator };
  const { batch } = objectiveOf(settings, tokenizer);
  return { windows, batch: batch(windows, randomStream(2, 0)) };
}

describe('batches', () => {
  test('of the next token are the windows; with a separator, each document for itself', () => {
    const { windows, batch } = batchOf('nextToken');
    expect(batch).toEqual({ ids: windows.inputs, targets: windows.targets });
    const { documents, positions } = batchOf('nextToken', '\n').batch;
    const begins = Array.from(windows.inputs, (token, i) => token === 0 || i % CONTEXT === 0);
    expect(Array.from(positions!, (position) => position === 0)).toEqual(begins);
    expect(documents).toHaveLength(2 * windows.inputs.length);
  });

  test('of masked tokens ask for some of them and nothing else', () => {
    const { windows, batch } = batchOf('masked');
    const asked = [...batch.targets.keys()].filter((i) => batch.targets[i] !== IGNORED_TARGET);
    expect(asked.length).toBeGreaterThan(60);
    expect(asked.length).toBeLessThan(140); // 640 tokens, 0.15 of them
    batch.ids.forEach((token, i) => {
      expect(token).toBeLessThanOrEqual(MASK);
      if (asked.includes(i)) expect(batch.targets[i]).toBe(windows.inputs[i]);
      else expect(token).toBe(windows.inputs[i]);
    });
  });

  test.each([
    'prefixLM',
    'bert',
    'deshuffle',
    'mass',
    'replaceSpans',
    'dropTokens',
    'randomSpans',
  ] as const)('of %s: an encoder reads what is padded, a decoder writes from the start', (name) => {
    const { windows, batch } = batchOf(name);
    const { ids, targets, source, sourceMask } = batch;
    const settings = { ...TRAIN_DEFAULTS, objective: name, context: CONTEXT };
    const { architecture, vocabularySize } = modelConfig(settings, V);
    expect(architecture).toBe('encoderDecoder');
    expect(Math.max(...source!, ...ids, ...targets)).toBeLessThan(vocabularySize);
    for (let at = 0; at < ids.length; at += CONTEXT) {
      const row = (x: Int32Array) => [...x.subarray(at, at + CONTEXT)];
      const wanted = row(targets).filter((token) => token !== IGNORED_TARGET);
      expect(row(targets).slice(0, wanted.length)).toEqual(wanted);
      expect(row(ids)).toEqual([START, ...wanted, ...Array(CONTEXT).fill(START)].slice(0, CONTEXT));
      const read = row(source!).filter((_, i) => row(sourceMask!)[i] === 1);
      expect(row(source!).slice(read.length)).toEqual(Array(CONTEXT - read.length).fill(START));
      const original = row(windows.inputs);
      if (name === 'prefixLM') expect([...read, ...wanted]).toEqual(original);
      else if (['bert', 'deshuffle', 'mass'].includes(name)) expect(wanted).toEqual(original);
      else {
        const known = [...read, ...wanted].filter((token) => token < SENTINEL);
        expect(known.sort((a, b) => a - b)).toEqual(original.sort((a, b) => a - b));
      }
    }
  });

  test('refused: a separator of two tokens, and one for an encoder and a decoder', () => {
    expect(() => batchOf('nextToken', 'ab')).toThrow(
      'documentSeparator is "ab", which is 2 tokens',
    );
    expect(() => batchOf('bert', '\n')).toThrow('does not go with the objective bert');
  });
});

/** The mean loss over the first and over the last five steps. */
function ends(losses: readonly number[]): [first: number, last: number] {
  const mean = (part: readonly number[]) => part.reduce((a, b) => a + b) / part.length;
  return [mean(losses.slice(0, 5)), mean(losses.slice(-5))];
}

const QUICK = { steps: 40, learningRate: 1e-2, batch: 6, dropout: 0, evaluateEvery: 40 };

test.each(['masked', 'randomSpans'] as const)('%s is learned, and evaluated', async (objective) => {
  const { trace, result } = await trainTraced(device, { settings: { ...QUICK, objective } });
  const [first, last] = ends(trace.losses);
  expect(last).toBeLessThan(first - 0.3);
  expect(result.bestValLoss).toBeLessThan(first);
  expect(result).toMatchObject({ perplexity: null, bitsPerByte: null, samples: [] });
});

/** Texts that have nothing in common but their characters. */
const TEXTS = ['ab', 'ba', 'aab'].map((unit, i) => ({
  name: `text ${i}`,
  content: unit.repeat(400),
}));
const PHASES = [
  [2, 1, 0, 0],
  [1, 0, 1, 1],
];

describe('G4 criteria one after the other, or their weighted sum', () => {
  const settings = { ...QUICK, phases: PHASES };

  test('are both one configuration', async () => {
    const phased = await trainTraced(device, { text: TEXTS, settings });
    const mixed = await trainTraced(device, {
      text: TEXTS,
      settings: { ...settings, phased: false },
    });
    for (const { trace } of [phased, mixed]) expect(ends(trace.losses)[1]).toBeLessThan(0.6);
    expect(mixed.trace.losses).not.toEqual(phased.trace.losses);
  });

  test('phases that are not for as many texts are refused, and so are phases without a length', () => {
    const refused = (phases: number[][]) =>
      trainTraced(device, { text: TEXTS, settings: { phases } });
    return Promise.all([
      expect(refused([[1, 1]])).rejects.toThrow('phase 1 has 1 weights, and the texts are 3'),
      expect(refused([[0, 1, 1, 1]])).rejects.toThrow('phases is [[0,1,1,1]]; expected phases'),
      expect(refused([[1, 0, 0, 0]])).rejects.toThrow('not all of them 0'),
      expect(refused([])).rejects.toThrow('phases is []'),
    ]);
  });
});

test.each([
  ['three texts in phases', { phases: PHASES }, TEXTS],
  ['masked tokens of documents', { objective: 'masked', documentSeparator: '\n' }, null],
  ['random spans', { objective: 'randomSpans' }, null],
] as const)('resumed, %s go on as if never stopped', async (_, changes, text) => {
  const settings = { ...(changes as Partial<TrainSettings>), dropout: 0 };
  const options = { settings, text };
  const { trace: straight } = await trainTraced(device, options);
  const folder = await openFolder(await temporaryFolder());
  const stopped = await trainUntil(device, 13, { ...options, folder });
  const { trace } = await trainTraced(device, { ...options, folder, resume: true });
  expect({ ...trace, losses: [...stopped.trace.losses, ...trace.losses] }).toEqual(straight);
});

describe('the units of a loss', () => {
  test('G1 perplexity is e^loss, bits per byte loss · tokens / (ln 2 · bytes)', async () => {
    const content = 'Grüße, 今天!\n'.repeat(60);
    const folder = await openFolder(await temporaryFolder());
    const { result } = await trainTraced(device, { text: { name: 'text', content }, folder });
    const heldOut = result.data.tokenizer.decode(result.data.validation);
    const bytes = new TextEncoder().encode(heldOut).length;
    const { bestValLoss, data } = result;
    expect(result.perplexity).toBeCloseTo(Math.exp(bestValLoss!), 12);
    const bits = (bestValLoss! * data.validation.length) / (Math.LN2 * bytes);
    expect(result.bitsPerByte).toBeCloseTo(bits, 12);
    expect(bytes).toBeGreaterThan(data.validation.length);
    const evaluated = (await readMetrics(folder)).filter((line) => 'validationLoss' in line);
    expect(evaluated.at(-1)).toMatchObject({
      perplexity: Math.exp(evaluated.at(-1)!.validationLoss as number),
    });
  });

  test('G1 an even guess among 256 bytes has perplexity 256 and 8 bits per byte', () => {
    expect(perplexity(Math.log(256))).toBeCloseTo(256, 10);
    expect(bitsPerByte(Math.log(256), 1)).toBeCloseTo(8, 14);
    expect(bitsPerByte(Math.log(256), 4)).toBeCloseTo(2, 14);
  });
});

test('several texts: each is split for itself, and counts by its size unless phases say otherwise', () => {
  const settings = { ...TRAIN_DEFAULTS, ...TINY } as TrainSettings;
  const data = trainingData(TEXTS, settings);
  expect(data.name).toBe('text 0 + text 1 + text 2');
  expect(data.sources.map((x) => x.length)).toEqual([720, 720, 1080]);
  expect(data.validation).toHaveLength(80 + 80 + 120);
  expect(data.tokenizer.decode(data.sources[2]!)).toBe('aab'.repeat(360));
  expect(data.phases).toEqual([{ length: 1, weights: [720, 720, 1080] }]);
});
