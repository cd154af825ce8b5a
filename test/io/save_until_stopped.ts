// A process that saves one checkpoint after another until it is killed or the disk is full; run by crash.test.ts.
// Prints "saved N" after each save, and after a failure what was thrown and what can still be loaded.

import { loadCheckpoint, saveCheckpoint } from '../../src/io/checkpoint.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { growingContent } from './growing_content.ts';

const folder = await openFolder(process.argv[2]!);
const last = await loadCheckpoint(folder);
process.stdout.write('ready\n');
for (let step = (last?.step ?? 0) + 1; ; step++) {
  try {
    await saveCheckpoint(folder, growingContent(step));
  } catch (error) {
    const loaded = await loadCheckpoint(folder);
    const names = await folder.list('checkpoints');
    process.stdout.write(`failed ${step} ${error}\nloaded ${loaded?.step} of ${names}\n`);
    break;
  }
  process.stdout.write(`saved ${step}\n`);
}
