// A canvas that fills its box sharply, and is painted anew when what it shows, its size or the colour scheme changes.

import { useLayoutEffect, useRef } from "preact/hooks";
import "./pictures.css";

/** What a painter paints with: a context in CSS pixels, the size, and the scheme's colours. */
export interface Pen {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  colours: Colours;
}

/** The colours of the page that pictures use. */
export interface Colours {
  ink: string;
  soft: string;
  line: string;
  paper: string;
  link: string;
}

/** Paints a picture; a new function paints anew. */
export type Painter = (pen: Pen) => void;

interface PaintedProps {
  /** How the browser's list of measures names the time of a painting, in ms, for whoever looks for what is slow. */
  name?: string;
  paint: Painter;
}

const TOKENS: Readonly<Record<keyof Colours, string>> = {
  ink: "--ink",
  soft: "--ink-soft",
  line: "--line",
  paper: "--paper",
  link: "--link",
};

/** The canvas; its box, which must have a size and a position, says how large it is. */
export function Painted({ name, paint }: PaintedProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(paint);
  latest.current = paint;

  useLayoutEffect(() => {
    if (canvas.current) measured(canvas.current, paint, name);
  }, [paint]);

  useLayoutEffect(() => {
    const element = canvas.current;
    const box = element?.parentElement;
    if (!element || !box) return;
    const again = () => measured(element, latest.current, name);
    const size = new ResizeObserver(() => {
      const dense = devicePixelRatio || 1;
      const fits = [box.clientWidth, box.clientHeight].map((length) => Math.round(length * dense));
      if (element.width !== fits[0] || element.height !== fits[1]) again(); // it calls at the start too
    });
    size.observe(box);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", again);
    const theme = new MutationObserver(again);
    theme.observe(document.documentElement, { attributes: true });
    return () => {
      size.disconnect();
      theme.disconnect();
      scheme.removeEventListener("change", again);
    };
  }, []);

  return <canvas class="painted" ref={canvas} />;
}

function measured(canvas: HTMLCanvasElement, paint: Painter, name?: string): void {
  const start = performance.now();
  painted(canvas, paint);
  if (!name) return;
  performance.clearMeasures(name);
  performance.measure(name, { start });
}

function painted(canvas: HTMLCanvasElement, paint: Painter): void {
  const width = canvas.parentElement?.clientWidth ?? 0;
  const height = canvas.parentElement?.clientHeight ?? 0;
  const context = canvas.getContext("2d");
  if (!context || !width || !height) return;
  const dense = devicePixelRatio || 1;
  const [across, down] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  paint({ context, width, height, colours: coloursOf(canvas) });
}

/** The scheme's colours as a canvas understands them: it knows neither custom properties nor `light-dark()`. */
function coloursOf(canvas: HTMLCanvasElement): Colours {
  const found: Colours = { ink: "", soft: "", line: "", paper: "", link: "" };
  for (const key of ["ink", "soft", "line", "paper", "link"] as const) {
    canvas.style.color = `var(${TOKENS[key]})`;
    found[key] = getComputedStyle(canvas).color;
  }
  canvas.style.color = "";
  return found;
}
