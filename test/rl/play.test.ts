// Episodes to look at: their frames, the agent of a run, and the page that plays them.

import { describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import {
  type Frame,
  frozenLake,
  makeEnvironment,
  openPlayer,
  playEpisodes,
  renderPlay,
  simulate,
  solve,
  trainAgent,
} from '../../src/rl/index.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

async function all(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const list: Frame[] = [];
  for await (const frame of frames) list.push(frame);
  return list;
}

const { policy } = solve('FrozenLakeNoSlip-v1');
const walk = (episodes: number) =>
  all(
    playEpisodes(
      makeEnvironment('FrozenLakeNoSlip-v1'),
      ({ observation }) => policy[observation as number]!,
      { episodes },
    ),
  );

describe('frames', () => {
  test('show every step of every episode, its end included', async () => {
    const frames = await walk(2);
    expect(frames.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6]);
    expect(frames[0]).toMatchObject({ episode: 1, action: null, reward: 0, return: 0, end: null });
    expect(frames[6]).toMatchObject({
      episode: 1,
      action: 2,
      reward: 1,
      return: 1,
      end: 'terminated',
    });
    expect(frames[6]!.picture).toMatchObject({ kind: 'text' });
    expect(JSON.stringify(frames[6]!.picture)).toContain('[G]');
  });

  test('tell a limit from an end', async () => {
    const lake = simulate(frozenLake({ slippery: false }), { limit: 2 });
    const frames = await all(playEpisodes(lake, () => 0));
    expect(frames.map(({ end }) => end)).toEqual([null, null, 'truncated']);
  });

  test('are refused for no episode and for a seed that is none', async () => {
    const lake = simulate(frozenLake());
    await expect(all(playEpisodes(lake, () => 0, { episodes: 0 }))).rejects.toThrow(
      'episodes is 0',
    );
    await expect(all(playEpisodes(lake, () => 0, { seed: -1 }))).rejects.toThrow('seed is -1');
  });
});

describe('the agent of a run', () => {
  test('plays as it was evaluated', async () => {
    const folder = await openFolder(await temporaryFolder());
    const settings = {
      steps: 64,
      copies: 2,
      rolloutSteps: 32,
      minibatches: 2,
      epochs: 1,
      hidden: [8],
    };
    const { evaluation } = await trainAgent(device, {
      environment: 'CartPole-v1',
      settings: { ...settings, evaluationEpisodes: 1, seed: 3 },
      folder,
    });
    const player = await openPlayer(device, folder);
    expect(player).toMatchObject({ algorithm: 'ppo', environment: 'CartPole-v1' });
    const frames = await all(
      playEpisodes(player.makeEnvironment(), player.act, { seed: 3 + 2 ** 32 }),
    );
    expect(frames.at(-1)!.return).toBe(evaluation!.mean);
    expect(frames.at(-1)!.step).toBe(evaluation!.lengths[0]);
    player.dispose();
  });

  test('is missed where there is none', async () => {
    const folder = await openFolder(await temporaryFolder());
    await expect(openPlayer(device, folder)).rejects.toThrow(/holds no run of an agent/);
  });
});

describe('the page', () => {
  test('is one file, which holds the frames and lists the episodes', async () => {
    const html = await renderPlay({ title: 'a <b>', subtitle: 'c & d', frames: await walk(2) });
    expect(html).toContain('<title>a &lt;b&gt;</title>');
    expect(html).toContain('episode 2: return 1, 6 steps');
    expect(html).toMatch(/Content-Security-Policy" content="default-src 'none'/);
    expect(html).not.toMatch(/https?:/);
    const json = /id="episodes">(.*)<\/script>/.exec(html)![1]!;
    const { episodes } = JSON.parse(json);
    expect(episodes.length).toBe(2);
    expect(episodes[0].frames[6]).toMatchObject({ action: [2], reward: 1, end: 'terminated' });
  });
});
