// Twenty steps of a small model, from the built library: the same file runs in Node and in a browser.

const SETTINGS = {
  layers: 2,
  heads: 2,
  width: 32,
  context: 32,
  batch: 4,
  steps: 20,
  warmupSteps: 5,
  learningRate: 3e-3,
  evaluateEvery: 20,
  evaluationTokens: 512,
  samples: 0,
  corpusCharacters: 20_000,
};

/** The adapter, every training loss, and the validation loss at the end. */
export async function twentySteps({ Device, trainLanguageModel }, adapter = 'auto') {
  const device = await Device.open({ adapter, announce: null });
  const losses = [];
  await trainLanguageModel(device, {
    settings: SETTINGS,
    onProgress({ losses: newest, evaluation }) {
      losses.push(...newest);
      if (evaluation) losses.push(evaluation.loss);
    },
  });
  const { name, software } = device.adapter;
  device.destroy();
  return { adapter: name, software, losses };
}
