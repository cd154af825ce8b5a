// The loss against the step, drawn as it comes: single batches faint, their sliding mean, the held-out text, the floor.

import uPlot from 'uplot';

export interface LossPlot {
  /** Empties the plot; its axes span the whole run from the beginning, so that nothing moves while it fills. */
  reset(steps: number): void;
  /** The highest loss that is expected, and the lowest one that is possible. */
  setBounds(bounds: { uniform: number; floor: number | null }): void;
  /** Losses of consecutive steps, the last of them of step `step`. */
  addTraining(step: number, losses: readonly number[]): void;
  addValidation(step: number, loss: number): void;
}

type Column = (number | null)[];

/** Draws into `target`; the legend shows the values under the pointer. */
export function lossPlot(
  target: HTMLElement,
  legend: { step: HTMLElement; training: HTMLElement; validation: HTMLElement },
): LossPlot {
  let steps: Column = [];
  let batches: Column = [];
  let means: Column = [];
  let validation: Column = [];
  let total = 1;
  let highest = 4;
  let floor: number | null = null;
  let drawn = draw();
  let frame = 0;

  function draw(): uPlot {
    const size = { width: target.clientWidth, height: target.clientHeight };
    const training = color('series-0');
    const heldOut = color('series-1');
    const options: uPlot.Options = {
      ...size,
      padding: [10, 16, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: () => [0, total] },
        y: { range: () => [0, highest * 1.08] },
      },
      axes: [axis({ size: 28, space: 60 }), axis({ size: 36 })],
      series: [
        {},
        { stroke: training, width: 1, alpha: 0.3, points: { show: false } },
        { stroke: training, width: 2, points: { show: false } },
        {
          stroke: heldOut,
          width: 2,
          spanGaps: true,
          points: { show: true, size: 6, fill: heldOut },
        },
      ],
      hooks: { drawAxes: [drawFloor], setCursor: [showValues] },
    };
    return new uPlot(options, columns(), target);
  }

  function columns(): uPlot.AlignedData {
    return [steps, batches, means, validation] as uPlot.AlignedData;
  }

  function drawFloor({ ctx, bbox, valToPos }: uPlot): void {
    if (floor === null) return;
    const scale = devicePixelRatio;
    const y = Math.round(valToPos(floor, 'y', true));
    ctx.save();
    ctx.strokeStyle = color('series-2');
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash([6 * scale, 5 * scale]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  function showValues({ cursor }: uPlot): void {
    const at = cursor.idx;
    const until = (column: Column) =>
      column.slice(0, at! + 1).findLast((value) => value !== null) ?? null;
    const show = (value: number | null) => (value === null ? '' : formatLoss(value));
    legend.step.textContent = at == null ? '' : `step ${steps[at]}`;
    legend.training.textContent = at == null ? '' : show(until(means));
    legend.validation.textContent = at == null ? '' : show(until(validation));
  }

  function update(): void {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => drawn.setData(columns()));
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    drawn.destroy();
    drawn = draw();
  });
  new ResizeObserver(() => {
    drawn.setSize({ width: target.clientWidth, height: target.clientHeight });
  }).observe(target);

  return {
    reset(count) {
      [steps, batches, means, validation] = [[], [], [], []];
      [total, highest, floor] = [count, 4, null];
      update();
    },
    setBounds(bounds) {
      highest = Math.max(highest, bounds.uniform);
      floor = bounds.floor;
      update();
    },
    addTraining(step, losses) {
      const width = Math.max(1, Math.round(total / 50));
      for (const [i, loss] of losses.entries()) {
        steps.push(step - losses.length + 1 + i);
        batches.push(loss);
        means.push(mean(batches.slice(-width)));
        validation.push(null);
      }
      highest = Math.max(highest, ...losses);
      update();
    },
    addValidation(step, loss) {
      validation[steps.lastIndexOf(step)] = loss;
      update();
    },
  };
}

export function formatLoss(loss: number): string {
  return loss.toFixed(3);
}

function mean(values: Column): number {
  return values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(sizes: { size: number; space?: number }): uPlot.Axis {
  return {
    ...sizes,
    stroke: () => color('soft'),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    gap: 6,
    grid: { stroke: () => color('grid'), width: 1 },
    ticks: { show: false },
  };
}
