// What each variant took, round by round: a bar to the median, a point per sample. It grows while the rounds go on.

import { quantile, type Sampled } from '../../bench/measure.ts';
import { duration } from '../../bench/table.ts';
import { onResize, svg } from '../shared/svg.ts';
import { type Kind, mark } from './roofline.ts';

const ROW = 30;
const NAMES = 0.3; // of the width

export interface Strip extends Sampled {
  readonly kind: Kind;
}

export function stripPlot(target: HTMLElement) {
  let strips: readonly Strip[] = [];
  const draw = () => {
    target.hidden = strips.length === 0;
    if (!target.hidden) target.replaceChildren(drawing(strips, target.clientWidth));
  };
  onResize(target, draw);
  return {
    show(given: readonly Strip[]): void {
      strips = given;
      draw();
    },
  };
}

function drawing(strips: readonly Strip[], width: number): SVGElement {
  const height = ROW * strips.length + 22;
  const left = Math.min(210, NAMES * width);
  const right = width - 78; // the medians' place
  const longest = Math.max(...strips.flatMap(({ samples }) => samples));
  const x = (time: number) => left + ((right - left) * time) / longest;
  const medians = strips.map(({ samples }) => quantile(samples, 0.5));
  const told = strips.map(({ name }, i) => `${name} ${duration(medians[i]!)}`);
  const root = svg('svg', {
    ...{ width, height, viewBox: `0 0 ${width} ${height}`, role: 'img' },
    'aria-label': `Median time per call: ${told.join(', ')}`,
  });
  for (const [i, { name, kind, samples }] of strips.entries()) {
    const y = ROW * i + ROW / 2;
    root.append(
      svg('text', { class: `name ${kind}`, x: left - 10, y: y + 4, 'text-anchor': 'end' }, name),
      svg('rect', {
        ...{ class: `bar ${kind}`, x: left, y: y - 8, height: 16, width: x(medians[i]!) - left },
      }),
      ...samples.map((sample) => svg('circle', { class: 'sample', cx: x(sample), cy: y, r: 2 })),
      mark({ kind, label: name }, x(medians[i]!), y),
      svg('text', { x: width, y: y + 4, 'text-anchor': 'end' }, duration(medians[i]!)),
    );
  }
  const rounds = `time per call, from 0; ${strips[0]!.samples.length} rounds`;
  root.append(svg('text', { x: left, y: height - 4 }, rounds));
  return root;
}
