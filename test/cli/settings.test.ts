import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/cli/settings.ts';
import { ConfigError } from '../../src/errors.ts';
import { between, positive } from '../../src/io/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'shadegrad-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const defaults = { layers: 4, learningRate: 3e-4, name: 'run', adam: { beta1: 0.9, beta2: 0.95 } };
const checks = { learningRate: positive, adam: { beta1: between(0, 1) } };

function fileWith(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('loadSettings', () => {
  it('lays preset, file and --set over the defaults, in this order', async () => {
    const file = fileWith('a.yaml', 'layers: 6\nlearningRate: 1e-3 # warm\nadam:\n  beta2: 0.99\n');
    const settings = await loadSettings(defaults, {
      preset: { layers: 5, name: 'small' },
      file,
      set: ['layers=7', 'adam.beta1=0.8'],
      checks,
    });
    expect(settings).toEqual({
      layers: 7,
      learningRate: 1e-3,
      name: 'small',
      adam: { beta1: 0.8, beta2: 0.99 },
    });
  });

  it('reads JSON as it reads YAML, tabs included', async () => {
    const file = fileWith('a.json', '{\n\t"layers": 2,\n\t"adam": {\n\t\t"beta1": 0.5\n\t}\n}\n');
    const settings = await loadSettings(defaults, { file });
    expect(settings).toEqual({ ...defaults, layers: 2, adam: { beta1: 0.5, beta2: 0.95 } });
  });

  it('gives the defaults for no source, an empty file and a file of comments', async () => {
    expect(await loadSettings(defaults)).toEqual(defaults);
    expect(await loadSettings(defaults, { file: fileWith('empty.yml', '') })).toEqual(defaults);
    expect(await loadSettings(defaults, { file: fileWith('c.yml', '# none\n') })).toEqual(defaults);
  });

  it.each([
    [
      'unknown.yaml',
      'layers: 4\nlearningrate: 1\n',
      'unknown.yaml:2: unknown setting "learningrate" (did',
    ],
    [
      'nested.yaml',
      'adam:\n  beta2: 0.9\n  bata1: 1\n',
      'nested.yaml:3: unknown setting "adam.bata1"',
    ],
    ['type.yaml', '\nlayers: four\n', 'type.yaml:2: layers is "four"; expected a number'],
    [
      'range.yaml',
      'name: x\nadam:\n  beta1: 2\n',
      'range.yaml:3: adam.beta1 is 2; expected a number from 0',
    ],
    ['null.yaml', 'layers:\n', 'null.yaml:1: layers is null; expected a number'],
    ['twice.yaml', 'layers: 1\nlayers: 2\n', 'twice.yaml:2: Map keys must be unique'],
    ['twice.json', '{"layers": 1,\n"layers": 2}', 'twice.json:2: Map keys must be unique'],
    ['comma.json', '{\n"layers": 1,\n}', 'comma.json:3: '],
    ['cut.json', '{\n"layers":', 'cut.json:2: '],
    ['open.yaml', 'adam: {beta1: 1\n', 'open.yaml:2: Flow map'],
    ['list.yaml', '- layers\n', 'list.yaml:1: expected names and values'],
    ['two.yaml', 'layers: 1\n---\nlayers: 2\n', 'two.yaml:2: '],
    ['tag.yaml', 'name: !!js/function x\n', 'tag.yaml:1: Unresolved tag'],
    ['alias.yaml', 'name: x\nlayers: *none\n', 'alias.yaml:2: Unresolved alias'],
    ['key.yaml', '? [a]\n: 1\n', 'key.yaml:1: a name must be plain text'],
    ['proto.json', '{"__proto__": {"x": 1}}', 'proto.json:1: unknown setting "__proto__'],
    ['bytes.yaml', Uint8Array.of(0xff, 0xfe, 0x00), 'not UTF-8 text'],
    ['settings.toml', 'layers = 1', 'expected a .json, .yaml or .yml file'],
  ])('refuses %s and names the place', async (name, content, message) => {
    const loading = loadSettings(defaults, { file: fileWith(name, content), checks });
    await expect(loading).rejects.toThrow(ConfigError);
    await expect(loading).rejects.toThrow(message);
  });

  it('refuses a file that is longer than any settings file', async () => {
    const file = fileWith('long.yaml', ' '.repeat(2 ** 16 + 1));
    await expect(loadSettings(defaults, { file })).rejects.toThrow('expected at most 64 KiB');
  });

  it('says that a file is missing', async () => {
    const loading = loadSettings(defaults, { file: join(folder, 'none.yaml') });
    await expect(loading).rejects.toThrow('none.yaml: there is no such file');
  });

  it('names the --set text that is wrong', async () => {
    await expect(loadSettings(defaults, { set: ['layers=4', 'layer=4'] })).rejects.toThrow(
      '--set layer=4: unknown setting "layer" (did you mean "layers"?)',
    );
    await expect(loadSettings(defaults, { set: ['adam.beta1=3'], checks })).rejects.toThrow(
      '--set adam.beta1=3: adam.beta1 is 3; expected a number from 0 to 1',
    );
  });
});
