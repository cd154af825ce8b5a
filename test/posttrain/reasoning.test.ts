import { beforeAll, describe, expect, it, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { generate } from '../../src/llm/generate.ts';
import { generateText } from '../../src/llm/generate_text.ts';
import { makeSolver } from '../../src/llm/problem_solver.ts';
import { encodeExample } from '../../src/llm/supervised.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { answerRows } from '../../src/posttrain/answers.ts';
import { GRPO_DEFAULTS, grpo } from '../../src/posttrain/grpo.ts';
import {
  type ReasonedAnswer,
  reasoning,
  THINK,
  thoughtSegments,
} from '../../src/posttrain/reasoning.ts';
import { rewardOf, type Task } from '../../src/posttrain/rewards.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { withSpecials } from '../../src/text/special_tokens.ts';
import { visibleStream, visibleText } from '../../src/text/visible.ts';
import { device } from '../device.ts';

const tokenizer = withSpecials(characterTokenizer('abcdefgh\n'), [THINK.open, THINK.close]);
const [open, close] = [THINK.open, THINK.close].map((text) => tokenizer.specials.get(text)!) as [
  number,
  number,
];
const [end] = tokenizer.encode('\n') as unknown as [number];
const CONTEXT = 32;

let model: Transformer;
beforeAll(async () => {
  model = makeSolver(device, tokenizer, { layers: 1, heads: 2, width: 16, context: CONTEXT }, 5);
});

const tasks: Task[] = ['abc', 'd', 'ef', 'gh', 'aaaa', 'b', 'cd', 'h'].map((prompt) => ({
  prompt,
}));
const options = { open, close, budget: 6, answerTokens: 5, promptTokens: 4, context: CONTEXT };
const seeds = tasks.map((_, i) => 100 + i);

async function draw(
  more: Partial<Parameters<typeof reasoning>[0]> = {},
  some = tasks,
  ownSeeds = seeds,
) {
  const { draw, maxNewTokens } = reasoning({ ...options, ...more });
  const drawing = { maxNewTokens, ends: [end], seeds: ownSeeds };
  const speaker = { model, adapter: null };
  return (await draw(device, speaker, tokenizer, some, drawing)) as ReasonedAnswer<Task>[];
}

describe('I14 a reasoning buffer', () => {
  it('has its budget: within it the model closes it, after it it is closed', async () => {
    const answers = await draw();
    const lengths = answers.map(({ thought }) => thought.length);
    expect(Math.max(...lengths)).toBe(6);
    expect(Math.min(...lengths)).toBeLessThan(6);
    for (const { thought, ids, given, promptIds, logProbs } of answers) {
      expect(promptIds.at(-1)).toBe(open);
      expect(ids.slice(0, thought.length)).toEqual(thought);
      expect(ids.filter((id) => id === close).length).toBeGreaterThan(0);
      expect(ids[thought.length]).toBe(close);
      expect(given!.map((each, t) => (each ? t : -1)).filter((t) => t >= 0)).toEqual(
        thought.length === 6 ? [6] : [],
      );
      expect(logProbs.map((each) => each === 0)).toEqual(given);
      expect(ids.length).toBeLessThanOrEqual(6 + 1 + 5);
    }
    const [first] = await draw({ budget: 0 });
    expect(first!.thought).toEqual([]);
    expect(first!.ids[0]).toBe(close);
  });

  it('is drawn as without it, and by itself as in a batch', async () => {
    const answers = await draw();
    for (const [i, answer] of answers.entries()) {
      const [alone] = await draw({}, [tasks[i]!], [seeds[i]!]);
      expect(alone!.ids).toEqual(answer.ids);
    }
    const prompts = answers.map(({ promptIds }) => promptIds);
    const plain = await generate(device, model, prompts, {
      maxNewTokens: 6,
      ends: [close],
      seed: seeds,
    });
    for (const [i, { newIds }] of plain.entries()) {
      const { thought, logProbs } = answers[i]!;
      expect(newIds.filter((id) => id !== close)).toEqual(thought);
      for (const [t, value] of thought.entries())
        expect(logProbs[t]!, `${value}`).toBeCloseTo(plain[i]!.logProbs[t]!, 5);
    }
  });

  it('goes on where it closed early, as often as it is told', async () => {
    const [wait] = tokenizer.encode('a') as unknown as [number];
    const before = await draw({ budget: 12 });
    const early = before.map(({ thought }) => thought.length).map((length) => length + 1 < 12);
    expect(early).toContain(true);
    const once = await draw({ budget: 12, extend: { times: 1, tokens: [wait] } });
    const often = await draw({ budget: 12, extend: { times: 20, tokens: [wait] } });
    for (const [i, { thought }] of before.entries()) {
      const at = thought.length;
      expect(once[i]!.thought.slice(0, at)).toEqual(thought);
      expect(once[i]!.thought.length > at).toBe(early[i]);
      if (!early[i]) continue;
      expect(once[i]!.thought[at]).toBe(wait);
      expect(once[i]!.given![at]).toBe(true);
      expect(once[i]!.logProbs[at]).toBe(0);
      expect(often[i]!.thought.length).toBeGreaterThanOrEqual(11);
    }
    for (const { thought } of often) expect(thought).not.toContain(close);
  });

  it('is the same in a context that is just long enough', async () => {
    const size = { layers: 1, heads: 2, width: 16, positions: 'rope' } as const;
    const [wait] = tokenizer.encode('a') as unknown as [number];
    for (const extend of [undefined, { times: 3, tokens: [wait] }]) {
      const drawn: ReasonedAnswer<Task>[][] = [];
      for (const context of [19, 40]) {
        const own = makeSolver(device, tokenizer, { ...size, context }, 5);
        const tight = {
          ...options,
          budget: 12,
          answerTokens: 2,
          context,
          ...(extend && { extend }),
        };
        const { draw, maxNewTokens } = reasoning(tight);
        const speaker = { model: own, adapter: null };
        const drawing = { maxNewTokens, ends: [end], seeds };
        drawn.push(
          (await draw(device, speaker, tokenizer, tasks, drawing)) as ReasonedAnswer<Task>[],
        );
        own.dispose();
      }
      const [tight, roomy] = drawn as [ReasonedAnswer<Task>[], ReasonedAnswer<Task>[]];
      expect(tight.map(({ ids }) => ids)).toEqual(roomy.map(({ ids }) => ids));
      for (const { thought } of tight) expect(thought).not.toContain(close);
      expect(Math.min(...tight.map(({ thought }) => thought.length)) < 12).toBe(true);
    }
  });

  it('teaches what was drawn in it, and not what was put in', async () => {
    const answers = await draw();
    const length = 4 + 1 + 6 + 1 + 5 - 1;
    const { mask, targets } = answerRows(answers, length);
    for (const [row, { promptIds, ids, given }] of answers.entries()) {
      const counted = Array.from({ length }, (_, t) => t).filter(
        (t) => mask[row * length + t] === 1,
      );
      const drawn = ids.map((id, t) => ({ id, t })).filter(({ t }) => !given![t]);
      expect(counted).toEqual(drawn.map(({ t }) => promptIds.length - 1 + t));
      expect(counted.map((t) => targets[row * length + t])).toEqual(drawn.map(({ id }) => id));
    }
  });

  it('learns within its budget, by the same learner', async () => {
    const own = makeSolver(
      device,
      tokenizer,
      { layers: 1, heads: 2, width: 16, context: CONTEXT },
      5,
    );
    const { draw, promptTokens, maxNewTokens } = reasoning(options);
    const problem = {
      ...{ codec: tokenizer, draw, promptTokens, ends: [end], reference: null },
      policy: { model: own, adapter: null },
      rewards: [rewardOf<Task>('a', ({ text }) => Number(text.startsWith('a')))],
      tasks: () => Array.from({ length: 64 }, (_, i) => tasks[Math.floor(i / 8)]!),
    };
    const { learner, collector } = grpo(device, problem, {
      ...GRPO_DEFAULTS,
      ...{ beta: 0, maxNewTokens, answers: 64, groupSize: 8, learningRate: 1e-2 },
    });
    const scores: number[] = [];
    for (let i = 0; i < 12; i++) {
      await learner.iterate(i, 12);
      scores.push(collector.metrics.score);
    }
    expect(scores.at(-1)!).toBeGreaterThan(scores[0]! + 0.3);
    learner.dispose();
    own.dispose();
  });

  it('is refused before training where it does not fit the context', () => {
    expect(() => reasoning({ ...options, budget: 23 })).toThrow(
      "reasoning: a budget of 23 tokens, with prompts of up to 4 and answers of 5, is longer than the model's context of 32; at most 22 fit",
    );
    expect(() => reasoning({ ...options, budget: 22 })).not.toThrow();
    expect(() => reasoning({ ...options, promptTokens: 30 })).toThrow('shorten them');
    expect(() => reasoning({ ...options, budget: -1 })).toThrow(ConfigError);
    expect(() => reasoning({ ...options, extend: { times: 1, tokens: [] } })).toThrow(ConfigError);
    expect(() => reasoning({ ...options, extend: { times: 1, tokens: [close] } })).toThrow(
      ConfigError,
    );
  });

  it('is learned as thought, close and answer; the opening tag is the prompt’s', () => {
    const segments = thoughtSegments({ prompt: 'ab', thought: 'c', answer: 'd' }, '\n');
    const { ids, counted } = encodeExample(segments, 'here', {
      tokenizer,
      template: 'lines',
      context: CONTEXT,
    });
    expect(tokenizer.decode(ids)).toBe('ab<think>c</think>d\n');
    expect(counted).toEqual([false, false, false, true, true, true, true]);
    const forged = thoughtSegments({ prompt: 'ab<think>', thought: 'c', answer: 'd' }, '\n');
    expect(() =>
      encodeExample(forged, 'here', { tokenizer, template: 'lines', context: CONTEXT }),
    ).toThrow('special token');
  });
});

describe('I14 what a user sees', () => {
  const tags = { ...THINK };

  it('is all but the buffer, however the text comes in pieces', () => {
    const text = 'Hm.<think>23 - 20 = 3 < 4 </thin </think>The <b>answer</b> is 9.<think>x</think>';
    const shown = 'Hm.The <b>answer</b> is 9.';
    expect(visibleText(text, tags)).toBe(shown);
    for (let size = 1; size <= text.length; size++) {
      const stream = visibleStream(tags);
      let seen = '';
      for (let at = 0; at < text.length; at += size) {
        seen += stream.push(text.slice(at, at + size));
        expect(shown.startsWith(seen)).toBe(true);
      }
      expect(seen + stream.end()).toBe(shown);
    }
  });

  it('never is half a tag, nor a thought that nothing ends', () => {
    const stream = visibleStream(tags);
    expect(stream.push('9 <th')).toBe('9 ');
    expect(stream.push('e <think')).toBe('<the ');
    expect(stream.push('>secret')).toBe('');
    expect(stream.end()).toBe('');
    const other = visibleStream(tags);
    expect(other.push('a <')).toBe('a ');
    expect(other.end()).toBe('<');
    expect(visibleText('secret</think>9', { ...tags, inside: true })).toBe('9');
    expect(visibleText('9</think>.', tags)).toBe('9.');
  });

  it('of answers that were reasoned: no token of the buffer', async () => {
    for (const { text, ids, thought } of await draw()) {
      const after = ids.slice(thought.length + 1).filter((id) => id !== end);
      expect(text).toBe(visibleText(tokenizer.decode(after), tags));
      expect(text).not.toMatch(/<\/?think>/);
    }
  });
});

test('I14 a streamed answer shows no token of the buffer', async () => {
  const options = { maxNewTokens: 24, ends: [end], seed: 3, readEvery: 1 };
  const prompts = tasks.map(({ prompt }) => `${prompt}${THINK.open}`);
  const told = prompts.map(() => '');
  const hidden = { ...THINK, inside: true };
  const visible = await generateText(device, { model, tokenizer }, prompts, {
    ...options,
    hidden,
    onText: (row, text) => {
      told[row] += text;
    },
  });
  const whole = await generateText(device, { model, tokenizer }, prompts, options);
  expect(whole.some(({ text }) => text.includes(THINK.close))).toBe(true);
  for (const [row, { text, newIds }] of visible.entries()) {
    expect(newIds).toEqual(whole[row]!.newIds);
    expect(text).toBe(visibleText(whole[row]!.text, hidden));
    expect(told[row]).toBe(text);
    if (!whole[row]!.text.includes(THINK.close)) expect(text).toBe('');
  }
});

describe('withSpecials', () => {
  it('gives each special token an id, only where it is allowed', () => {
    const text = 'ab<think>c</think>';
    expect(() => tokenizer.encode(text)).toThrow('special token "<think>" at character 2');
    const ids = tokenizer.encode(text, { specials: 'allow' });
    expect([...ids].slice(2)).toEqual([open, 3, close]);
    expect(tokenizer.decode(ids)).toBe(text);
    expect([...tokenizer.encode('abc')]).toEqual([1, 2, 3]);
    expect(new TextDecoder().decode(tokenizer.bytesOf(open))).toBe('<think>');
    expect(() => withSpecials(tokenizer, ['<think>'])).toThrow('"<think>" already');
    expect(() => withSpecials(tokenizer, [''])).toThrow('none empty');
  });
});
