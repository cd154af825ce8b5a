// Draws the shapes of an environment's picture. The pages that are one file take this function as its own source text, so
// that it uses nothing from outside itself but the page.

import type { ShapesPicture } from './picture.ts';

/** The picture's rectangle in the middle of the canvas, as large as fits; a role's colour is the page's variable `--ROLE`. */
export function drawShapes(
  canvas: HTMLCanvasElement,
  { left, right, bottom, top, shapes }: ShapesPicture,
): void {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
  const scale = Math.min(width / (right - left), height / (top - bottom));
  const colors = getComputedStyle(document.documentElement);
  const context = canvas.getContext('2d')!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.translate(width / 2, height / 2);
  context.scale(scale, -scale);
  context.translate(-(left + right) / 2, -(bottom + top) / 2);
  context.lineCap = context.lineJoin = 'round';
  for (const shape of shapes) {
    context.beginPath();
    if (shape.kind === 'circle')
      context.arc(shape.centre[0], shape.centre[1], shape.radius, 0, 2 * Math.PI);
    else for (const [x, y] of shape.points) context.lineTo(x, y);
    context.fillStyle = context.strokeStyle = colors.getPropertyValue(`--${shape.role}`).trim();
    if (shape.kind === 'line') {
      context.lineWidth = shape.width;
      context.stroke();
    } else context.fill();
  }
}
