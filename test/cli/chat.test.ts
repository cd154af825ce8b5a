// shadegrad chat through a pipe, and LoRA over a model at run time.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shadegrad, start } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

let folder: string;
let base: string;
let tuned: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  base = join(folder, 'base');
  tuned = join(folder, 'tuned');
  const data = join(folder, 'chats.jsonl');
  const chat = (name: string) => ({
    messages: [
      { role: 'user', content: `I am ${name}.` },
      { role: 'assistant', content: `Nice.` },
    ],
  });
  writeFileSync(data, ['Mia', 'Ben', 'Tom'].map((name) => JSON.stringify(chat(name))).join('\n'));
  const train = await shadegrad([
    'train',
    '--json',
    '--out',
    base,
    ...settings({ context: 48, steps: 4, samples: 0 }),
  ]);
  expect(train.stderr).toBe('');
  const flags = ['--model', base, '--data', data, '--out', tuned, '--json', '--steps', '3'];
  const { stderr } = await shadegrad(['finetune', ...flags, '--set', 'learningRate=0.1']);
  expect(stderr).toBe('');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function chat(input: string, ...args: string[]) {
  const { child, finished } = start(['chat', ...args]);
  child.stdin!.end(input);
  return finished;
}
const SHORT = ['--max-new-tokens', '8', '--adapter', 'software'];

describe('through a pipe', () => {
  test('a line is a turn, commands are obeyed, and the dropped turns are told', async () => {
    const input =
      'Hi\n\n/what\n/help\nMia was here and Ben had it.\n/reset\nHi\n/quit\nnever read\n';
    const { code, stdout, stderr } = await chat(input, '--model', tuned, ...SHORT, '--greedy');
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[2]).toBe(lines[0]); // forgotten is forgotten
    expect(stderr).toContain('template lines (as it was fine-tuned); --template chooses another\n');
    expect(stderr).toContain('no command /what; there are\n/reset ');
    expect(stderr.split('/quit')).toHaveLength(3);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });

  test('--json gives one object a message, of the whole conversation', async () => {
    const lines = 'Hi\nMia \u00e9\nMia was here and Ben had the big red hat\nShe ran to the park\n';
    const { code, stdout, stderr } = await chat(lines, '--model', tuned, ...SHORT, '--json');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const [first, refused, second, third, ...more] = jsonLines(stdout);
    expect(more).toEqual([]);
    expect(first.ids.slice(3)).toEqual(first.newIds); // 'H', 'i', line break
    expect(first).toMatchObject({ text: expect.any(String), dropped: 0 });
    expect(refused.error).toMatch(/^the message: characters: "é" \(U\+00E9\) at position 4 /);
    expect(second.ids.length).toBeGreaterThan(first.ids.length);
    expect(third.dropped).toBe(2 + 2 * Number(second.dropped === 0));
    expect(third.ids.length).toBeLessThanOrEqual(49);
  });

  test.each([
    [['--template', 'chatml'], 'template chatml: the template needs the token <|im_end|>'],
    [['--template', 'lime'], 'no chat template "lime"; there are lines, dialogue'],
    [
      ['--lora', 'nowhere'],
      "nowhere holds no adapter: neither adapter_config.json of a LoRA in PEFT's format, nor bottlenecks.safetensors",
    ],
    [['--top-p', '0'], 'topP is 0, expected a share in (0, 1]'],
  ])('%j is refused', async (args, message) => {
    const { code, stdout, stderr } = await chat('Hi\n', '--model', base, ...SHORT, ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
  });

  test.each([
    ['within replies', 'Hi\n'.repeat(500), /"newIds"/],
    ['while it waits', '', /template lines/],
  ])('Ctrl-C ends it: %s', async (_, input, begun) => {
    const json = input === '' ? [] : ['--json'];
    const { child, finished, printed } = start(['chat', '--model', base, ...SHORT, ...json]);
    child.stdin!.write(input);
    await printed(begun);
    child.kill('SIGINT');
    const { code, stdout } = await finished;
    expect(code).toBe(130);
    expect(stdout.split('\n').length).toBeLessThan(500);
  });

  test('help is complete, with examples', async () => {
    const { stdout } = await shadegrad(['chat', '--help']);
    for (const word of [
      '--model',
      '--lora',
      '--template',
      '--system',
      '--greedy',
      '/reset',
      'Examples:',
    ])
      expect(stdout).toContain(word);
  });
});

describe('--lora', () => {
  const generate = async (...args: string[]) => {
    const flags = ['--prompt', 'I am Mia.\n', '--greedy', '--max-new-tokens', '8', '--json'];
    const { stderr, stdout } = await shadegrad(['generate', ...flags, ...args]);
    return { stderr, result: stdout ? jsonLines(stdout)[0] : null };
  };

  test('over the base writes what the model that it was merged into writes', async () => {
    const merged = await generate('--model', tuned);
    const over = await generate('--model', base, '--lora', tuned);
    expect(over.stderr).toBe('');
    expect(over.result.newIds).toEqual(merged.result.newIds);
    expect(over.result.newIds).not.toEqual((await generate('--model', base)).result.newIds);
  });

  test('that does not fit the model is refused', async () => {
    const other = join(folder, 'other');
    await shadegrad([
      'train',
      '--json',
      '--out',
      other,
      ...settings({ width: 8, steps: 1, samples: 0 }),
    ]);
    const { stderr, result } = await generate('--model', other, '--lora', tuned);
    expect(result).toBeNull();
    expect(stderr).toMatch(
      /adapter_model\.safetensors: tensor .*lora_A\.weight is \[8, 16\], expected \[8, 8\]/,
    );
  });
});
