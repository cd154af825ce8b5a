// What is wrong with a training loop: multiple choice, and all that is wrong counts. A longer one has two bugs, as the lecture's.

import { type RandomStream, randomStream } from '../../tensor/philox.ts';
import {
  LOOP_BUGS,
  type LoopBug,
  type LoopLine,
  loopBugs,
  loopLine,
} from '../../text/training_loops.ts';
import { isChoice, lettersIn } from '../verifiable.ts';
import { differentTasks, type TaskFamily, type VerifiableTask } from './task_family.ts';

const STREAM = 0x62756773; // 'bugs': the draws of a seed that belong to training loops

const MODELS = ['critic', 'actor', 'model', 'net', 'value', 'head'];
const OPTIMIZERS = ['optim', 'opt', 'adam', 'sgd'];
const INPUTS = ['state', 'x', 'batch', 'image'];
const LOSSES = [
  (y: string) => `0.5 * (${y} - target)**2`,
  (y: string) => `(${y} - target)**2`,
  (y: string) => `abs(${y} - target)`,
  (y: string) => `cross_entropy(${y}, target)`,
];

/** Orders of the lines after the loss that work. */
const RIGHT: readonly (readonly LoopLine[])[] = [
  ['zero', 'backward', 'step'],
  ['backward', 'step', 'zero'],
];

export const bugs: TaskFamily = {
  name: 'bugs',
  about: 'training loops with a bug or none, multiple choice; longer ones have two bugs',
  tokens: 'words',
  draw({ seed, train, heldOut }) {
    const random = randomStream(seed, STREAM);
    const loops = (count: number, two: boolean, without: readonly VerifiableTask[] = []) =>
      differentTasks('bugs', count, () => loopTask(drawLoop(random, two)), without);
    const tests = loops(heldOut, false);
    return { heldOut: tests, train: loops(train, false, tests), longer: loops(heldOut, true) };
  },
  right: (text, { answer }) => isChoice(text, answer),
  vote: lettersIn,
};

/** @param lines of the loop, as code */
export function loopTask(lines: readonly string[]): VerifiableTask {
  const choices = Object.entries(LOOP_BUGS).map(([letter, bug]) => `${letter} ${bug}.`);
  const prompt = `${lines.join('\n')}\n${choices.join(' ')} Wrong:`;
  const answer = loopBugs(lines.map(loopLine)).join('');
  return { prompt, answer, solution: ` ${answer}` };
}

function drawLoop(random: RandomStream, two: boolean): string[] {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const right = pick(RIGHT);
  const bug = pick<LoopBug>(['A', 'B', 'C', 'D', 'E', 'F']);
  const lines: LoopLine[] = two
    ? spoiled(spoiled(right, 'A'), pick(['B', 'D', 'E']))
    : spoiled(right, bug);
  const [model, optimizer, input, loss] = [
    pick(MODELS),
    pick(OPTIMIZERS),
    pick(INPUTS),
    pick(LOSSES),
  ];
  const code: Readonly<Record<LoopLine, string>> = {
    loss: `loss ${pick(['=', '+='])} ${loss(`${model}(${input})`)}`,
    zero: `${optimizer}.zero_grad()`,
    backward: 'loss.backward()',
    step: `${optimizer}.step()`,
  };
  return ['loss' as const, ...lines].map((line) => code[line]);
}

/** The lines with that bug and no other. */
function spoiled(lines: readonly LoopLine[], bug: LoopBug): LoopLine[] {
  const without = (line: LoopLine) => lines.filter((each) => each !== line);
  if (bug === 'A') return without('zero');
  if (bug === 'B')
    return without('step').flatMap((line) => (line === 'backward' ? ['step', line] : [line]));
  if (bug === 'C') return ['backward', 'zero', 'step'];
  if (bug === 'D') return without('backward');
  return bug === 'E' ? without('step') : [...lines];
}
