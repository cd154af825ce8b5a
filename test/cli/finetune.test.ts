// shadegrad finetune, as a user runs it.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { type Finished, shadegrad, start } from './command.ts';
import { jsonLines, metricsOf, settings } from './tiny_run.ts';

/** A trained model, with a context of 16, and data for it. */
let model: string;
let data: string;

const PAIRS = ['Mia ', 'Ben ', 'Tom '].flatMap((name) =>
  ['kite', 'egg', 'cup', 'hat'].map((thing) => ({ prompt: name, completion: `had a ${thing}.` })),
);

beforeAll(async () => {
  model = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  await shadegrad(['train', '--json', '--out', model, ...settings({ samples: 0 })]);
  data = join(model, 'pairs.jsonl');
  writeFileSync(data, PAIRS.map((pair) => JSON.stringify(pair)).join('\n'));
});
afterAll(() => rmSync(model, { recursive: true }));

const finetune = (...args: string[]) =>
  shadegrad(['finetune', '--model', model, '--data', data, ...args]);

/** A folder with one file of examples. */
async function dataOf(...lines: string[]): Promise<string> {
  const file = join(await temporaryFolder(), 'mine.jsonl');
  writeFileSync(file, lines.join('\n'));
  return file;
}

describe('--show-mask', () => {
  test('shows which tokens count, without training', async () => {
    const { code, stdout, stderr } = await finetune('--show-mask', '2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [
        'pairs.jsonl:1: 16 tokens, 12 counted',
        '  masked   "Mia "',
        '  counted  "had a kite.\\n"',
        'pairs.jsonl:2: 15 tokens, 11 counted',
        '  masked   "Mia "',
        '  counted  "had a egg.\\n"\n',
      ].join('\n'),
    );
  });

  test('of a conversation, with names, as JSON', async () => {
    const messages = [
      { role: 'user', content: 'Mia' },
      { role: 'assistant', content: 'Ben' },
    ];
    const file = await dataOf(JSON.stringify({ messages }));
    const args = ['--template', 'lines', '--show-mask', '--json'];
    const { stdout } = await shadegrad(['finetune', '--model', model, '--data', file, ...args]);
    const [{ place, runs }] = jsonLines(stdout);
    expect(place).toBe('mine.jsonl:1');
    expect(runs).toEqual([
      { counted: false, ids: expect.any(Array), text: 'Mia\n' },
      { counted: true, ids: expect.any(Array), text: 'Ben\n' },
    ]);
    expect(runs[1].ids).toHaveLength(4);
  });
});

describe('a run', () => {
  const STEPS = 16;
  const LORA = [
    ...['--json', '--steps', `${STEPS}`, '--set', 'rank=2'],
    ...['--set', 'logEvery=1', '--set', 'checkpointEvery=1'],
  ];
  let out: string;
  let run: Finished;
  beforeAll(async () => {
    out = join(model, 'run');
    run = await finetune(...LORA, '--out', out);
  });

  test('with LoRA leaves settings, metrics, the adapter for PEFT, and a model to go on with', async () => {
    const { code, stdout, stderr } = run;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { evaluations, ...result } = jsonLines(stdout).at(-1);
    expect(result).toMatchObject({ steps: STEPS, stopped: false, adapterName: 'default', out });
    expect(result.trained).toBe(2 * 2 * (16 + 16));
    expect(result.samples[0]).toMatchObject({ prompt: 'Tom ', expected: 'had a cup.\n' });
    expect(result.valLoss).toBe(evaluations.at(-1).loss);
    expect(evaluations.at(-1).loss).toBeLessThan(evaluations[0].loss);
    expect(readdirSync(out).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'checkpoints',
      'config.json',
      'finetune.json',
      'metrics.jsonl',
    ]);
    expect((await metricsOf(out)).map(({ step }) => step)).toEqual(
      Array.from({ length: STEPS }, (_, i) => i + 1),
    );
    expect(JSON.parse(await readFile(join(out, 'finetune.json'), 'utf8'))).toMatchObject({
      settings: { method: 'lora', rank: 2 },
      base: model,
      data: 'pairs.jsonl',
      step: STEPS,
    });
    // The tuned model is one like any other: tuned on from there, it begins where this one ended.
    const more = ['finetune', '--model', out, '--data', data, '--json', '--out', `${out}-2`];
    const second = await shadegrad([...more, '--method', 'full', '--steps', '2']);
    expect(second.stderr).toBe('');
    expect(jsonLines(second.stdout).at(-1).evaluations[0].loss).toBeCloseTo(result.valLoss, 4);
  });

  test('killed with -9 twice, it ends with the losses of the straight run', async () => {
    const killed = join(await temporaryFolder(), 'killed');
    for (let kill = 0; kill < 2; kill++) {
      const begin = ['--model', model, '--data', data, ...LORA];
      const args = kill === 0 ? begin : ['--resume', '--json'];
      const { child, finished, printed } = start(['finetune', ...args, '--out', killed]);
      await printed(kill === 0 ? /"step":2,/ : /"step"/);
      child.kill('SIGKILL');
      await finished;
    }
    const { code, stderr } = await shadegrad(['finetune', '--resume', '--json', '--out', killed]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await metricsOf(killed)).toEqual(await metricsOf(out));
    expect(readdirSync(killed).sort()).toEqual(readdirSync(out).sort());
  });

  test('tells a person what is trained, and where it went', async () => {
    const out = join(await temporaryFolder(), 'run');
    const { code, stdout, stderr } = await finetune(
      '--out',
      out,
      '--method',
      'adapter',
      '--steps',
      '3',
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^examples 10 to train on, 2 held out, 1\d\d counted tokens\ntrained {2}[\d,]+ of [\d,]+ values \(adapter\)\n/,
    );
    expect(stderr).toMatch(/before: validation loss \d\.\d{4}\n/);
    expect(stdout).toMatch(
      /^"Tom " "[^\n]*", expected "had a cup\.\\n"\n"Tom " "[^\n]*", expected "had a hat/,
    );
    expect(stdout).toMatch(
      /\nvalidation loss \d\.\d{4} nats per counted token, \d\.\d{4} before\n3 steps in /,
    );
    expect(stdout).toContain(`the bottlenecks: ${out}\n`);
    expect(readdirSync(out).sort()).toEqual([
      'bottlenecks.safetensors',
      'finetune.json',
      'metrics.jsonl',
    ]);
  });
});

test('Ctrl-C keeps what was learned, and prints the command that goes on', async () => {
  const cwd = await temporaryFolder();
  const flags = ['--model', model, '--data', data, '--steps', '150', '--set', 'logEvery=1'];
  const { child, finished, printed } = start(['finetune', ...flags], { cwd });
  await printed(/before: validation loss/);
  child.kill('SIGINT');
  const { code, stdout } = await finished;
  expect(code).toBe(130);
  const [, step, command] = /stopped after step (\d+); continue with: (.*)\n/.exec(stdout)!;
  expect(command).toMatch(/finetune --resume --out runs\/finetune-1$/);
  const out = join(cwd, 'runs/finetune-1');
  expect(readdirSync(out)).toContain('adapter_model.safetensors');
  const resumed = await start([command!], { cwd, shell: true }).finished;
  expect(resumed.stderr).toContain(`run      runs/finetune-1, resumed after step ${step}\n`);
  expect(resumed.code).toBe(0);
});

describe('refused, with the message alone and nothing written', () => {
  const REFUSALS: [string, () => Promise<string[]>, string | RegExp][] = [
    [
      'a broken line',
      async () => ['--data', await dataOf('{"prompt":"a","completion":"b"}', '{"prompt"')],
      'DataError: mine.jsonl:2: expected : (character 9)',
    ],
    [
      'a prompt longer than the context',
      async () => ['--data', await dataOf('{"prompt":"Mia had a red kite.","completion":"b"}')],
      "DataError: mine.jsonl:1: the prompt has 19 tokens, the model's context is 16; shorten it",
    ],
    [
      'no model',
      async () => ['--model', 'nowhere'],
      /^CheckpointError: .*nowhere holds no run: there is no config\.json$/,
    ],
    [
      'a target that is none',
      async () => ['--set', 'targets=["quary"]'],
      /^ConfigError: lora: no linear layer's name ends with "quary"; the model has attention\.qkv, /,
    ],
    [
      'a folder with a run',
      async () => ['--out', model],
      /^CheckpointError: .* holds a run already; choose another --out$/,
    ],
  ];

  test('nothing to tune, and nothing to resume', async () => {
    const bare = await shadegrad(['finetune']);
    expect(bare.stderr).toBe(
      'ConfigError: finetune needs --model and --data, or --resume to continue a run\n',
    );
    const { code, stderr } = await shadegrad(['finetune', '--resume', '--out', 'nowhere']);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'CheckpointError: nowhere holds no fine-tuning that could continue; start without --resume\n',
    );
  });

  test.each(REFUSALS)('%s', async (_, args, message) => {
    const cwd = await temporaryFolder();
    const base = ['finetune', '--model', model, '--data', data, '--steps', '2'];
    const { code, stdout, stderr } = await shadegrad([...base, ...(await args())], { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    if (typeof message === 'string') expect(stderr).toBe(`${message}\n`);
    else expect(stderr.trimEnd()).toMatch(message);
    expect(readdirSync(cwd)).toEqual([]);
  });
});
