// Twenty iterations of PPO in environments on the device, from the built library: the same file runs in Node and in a browser.

const COPIES = 8;
const ROLLOUT_STEPS = 16;
const ITERATION = COPIES * ROLLOUT_STEPS;
const ITERATIONS = 20;
const HALF = 10;

const RUN = {
  algorithm: 'ppo',
  environment: 'CartPole-v1',
  settings: {
    copies: COPIES,
    rolloutSteps: ROLLOUT_STEPS,
    environments: 'kernel',
    hidden: [16],
    learningRate: 3e-3,
    steps: ITERATIONS * ITERATION,
    evaluationEpisodes: 0,
    checkpointEvery: 5 * ITERATION,
    seed: 11,
  },
};

/**
 * Trains all twenty, from the beginning or from `files`.
 * @param files of a run's folder, in base64 by their paths
 * @returns the metrics of each iteration, and the folder's files as they were at half of them, saved a moment before
 */
export async function iterate({ Device, trainAgent }, { adapter = 'auto', files = null }) {
  const device = await Device.open({ adapter, announce: null });
  const folder = memoryFolder(files ?? {});
  const metrics = [];
  let half = null;
  await trainAgent(device, {
    ...RUN,
    folder,
    resume: files !== null,
    onProgress(progress) {
      metrics.push({ return: progress.return, ...progress.metrics });
      // The next iteration finds the checkpoint of the tenth.
      if (metrics.length === HALF + 1) half ??= { ...folder.files };
    },
  });
  const { name, software } = device.adapter;
  device.destroy();
  return { adapter: name, software, metrics, files: half };
}

/** A folder that is a table. */
function memoryFolder(files) {
  const bytesOf = (path) => Uint8Array.from(atob(files[path]), (char) => char.charCodeAt(0));
  const within = (path) => (path === '' ? '' : `${path}/`);
  return {
    files,
    location: 'memory',
    read: async (path) => bytesOf(path),
    size: async (path) => bytesOf(path).length,
    readRange: async (path, begin, end) => bytesOf(path).slice(begin, end),
    async write(path, bytes) {
      files[path] = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
    },
    async append(path, text) {
      const before = path in files ? bytesOf(path) : [];
      await this.write(path, [...before, ...new TextEncoder().encode(text)]);
    },
    async list(path) {
      const inside = Object.keys(files).filter((name) => name.startsWith(within(path)));
      return [
        ...new Set(inside.map((name) => name.slice(within(path).length).split('/')[0])),
      ].sort();
    },
    async remove(path) {
      for (const name of Object.keys(files))
        if (name === path || name.startsWith(within(path))) delete files[name];
    },
    exists: async (path) => path in files,
  };
}
