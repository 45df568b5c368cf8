// Axes of a picture on a canvas: the area between them, their marks, and a grid.

import type { Pen } from "./canvas";
import type { Scale } from "./scales";

/** The part of a picture that its values lie in, in CSS pixels. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A scale, and what it shows. */
export interface Axis {
  scale: Scale;
  label: string;
}

const MARGIN = { left: 62, right: 14, top: 22, bottom: 40 };
const LABEL_PIXELS = 12;

/** The area of a picture of this size. */
export function areaOf(width: number, height: number): Area {
  const { left, right, top, bottom } = MARGIN;
  return { left, top, width: Math.max(1, width - left - right), height: Math.max(1, height - top - bottom) };
}

/** The pixel of a place along x. */
export function across(area: Area, at: number): number {
  return area.left + at * area.width;
}

/** The pixel of a place along y, which begins below. */
export function upwards(area: Area, at: number): number {
  return area.top + (1 - at) * area.height;
}

/** The places of a pixel along x and y, within the area. */
export function placeOf(area: Area, x: number, y: number): [number, number] {
  return [within((x - area.left) / area.width), within(1 - (y - area.top) / area.height)];
}

function within(at: number): number {
  return Math.min(1, Math.max(0, at));
}

/** Paint a grid with the marks of both axes, and what the axes show. */
export function paintAxes(pen: Pen, area: Area, x: Axis, y: Axis): void {
  const { context, colours } = pen;
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  context.fillStyle = colours.soft;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const { at, label } of spread(y.scale, area.height)) {
    const height = upwards(area, at);
    stroke(context, area.left, height, area.left + area.width, height);
    context.fillText(shortened(context, label, area.left - 8), area.left - 7, height);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const marks = spread(x.scale, area.width);
  const room = area.width / Math.max(1, marks.length) - 4;
  for (const { at, label } of marks) {
    const place = across(area, at);
    stroke(context, place, area.top, place, area.top + area.height);
    context.fillText(shortened(context, label, Math.max(room, 40)), place, area.top + area.height + 6);
  }
  context.fillText(x.label + note(x.scale), area.left + area.width / 2, area.top + area.height + 23);
  context.textAlign = "left";
  context.fillText(y.label + note(y.scale), 4, 2);
}

/** Clip what is painted to the area. */
export function clipped(pen: Pen, area: Area, paint: () => void): void {
  const { context } = pen;
  context.save();
  context.beginPath();
  context.rect(area.left - 1, area.top - 1, area.width + 2, area.height + 2);
  context.clip();
  paint();
  context.restore();
}

/** A text that fits into so many pixels, its end cut off with "…" where it must be. */
export function shortened(context: CanvasRenderingContext2D, text: string, pixels: number): string {
  if (context.measureText(text).width <= pixels) return text;
  let length = text.length - 1;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > pixels) length--;
  return `${text.slice(0, length)}…`;
}

function note(scale: Scale): string {
  return scale.kind === "log" ? " (log)" : "";
}

/** The marks of a scale, of very many categories only every second, third … one. */
function spread(scale: Scale, pixels: number): Scale["ticks"] {
  const every = Math.ceil((scale.ticks.length * LABEL_PIXELS * 1.2) / pixels);
  return every <= 1 ? scale.ticks : scale.ticks.filter((_, index) => index % every === 0);
}

function stroke(context: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number): void {
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, Math.round(y) + 0.5);
  context.lineTo(Math.round(toX) + 0.5, Math.round(toY) + 0.5);
  context.stroke();
}
