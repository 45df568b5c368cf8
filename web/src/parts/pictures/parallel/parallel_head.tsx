// The names of parallel axes: buttons to drag, and to move and brush their axes by keys.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { keptText } from "./brush";
import type { ParallelAxis } from "./parallel";
import { shareOf } from "./parallel_painting";

interface HeadProps {
  axes: readonly ParallelAxis[];
  onKey: (axis: ParallelAxis, event: KeyboardEvent) => void;
  /** An axis was dropped at another's place. */
  onDrop: (id: string, to: number) => void;
}

/** The names above their axes. */
export function ParallelHead({ axes, onKey, onDrop }: HeadProps) {
  const box = useRef<HTMLDivElement>(null);
  const moving = useRef<string | null>(null);
  useLayoutEffect(() => {
    if (moving.current) box.current?.querySelector<HTMLElement>(`[data-axis="${moving.current}"]`)?.focus();
    moving.current = null;
  }, [axes]); // an element that is moved loses the focus
  const [drag, setDrag] = useState<{ id: string; from: number; by: number } | null>(null);

  function onUp(): void {
    const width = box.current?.clientWidth ?? 0;
    const index = axes.findIndex((axis) => axis.id === drag?.id);
    if (drag && width) {
      const share = shareOf(index, axes.length, width) + drag.by / width;
      const to = nearestAxis(axes.length, width, share);
      if (to !== index) onDrop(drag.id, to);
    }
    setDrag(null);
  }

  return (
    <div class="parallel-head" ref={box}>
      {axes.map((axis, index) => {
        return (
          <button
            key={axis.id}
            type="button"
            class={axis.kept ? "quiet small kept" : "quiet small"}
            style={within(index, axes.length, drag?.id === axis.id ? drag.by : 0)}
            title={axis.label}
            aria-label={`${axis.label}, axis ${index + 1} of ${axes.length}${axis.kept ? `, keeps ${keptText(axis.kept)}` : ""}`}
            aria-describedby="parallel-keys"
            data-axis={axis.id}
            onKeyDown={(event) => {
              if (event.key === "ArrowLeft" || event.key === "ArrowRight") moving.current = axis.id;
              onKey(axis, event);
            }}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              setDrag({ id: axis.id, from: event.clientX, by: 0 });
            }}
            onPointerMove={(event) => drag && setDrag({ ...drag, by: event.clientX - drag.from })}
            onPointerUp={onUp}
            onPointerCancel={() => setDrag(null)}
          >
            {axis.label}
          </button>
        );
      })}
    </div>
  );
}

/** Where a name is: above its axis, as `shareOf` has it, as wide as its neighbours let it; the outer ones within the box. */
function within(index: number, count: number, by: number): Record<string, string> {
  if (count < 2) return { left: `calc(50% + ${by}px)`, maxWidth: "100%" };
  const gap = `(100% - 128px) / ${count - 1}`;
  if (index > 0 && index < count - 1)
    return { left: `calc(64px + ${gap} * ${index} + ${by}px)`, maxWidth: `calc(${gap})` };
  const room = `calc(64px + ${gap} / 2)`;
  const side = index ? { right: `${-by}px` } : { left: `${by}px` };
  return { ...side, translate: "none", minWidth: `min(128px, ${room})`, maxWidth: room, justifyContent: "center" };
}

function nearestAxis(count: number, width: number, share: number): number {
  const distances = Array.from({ length: count }, (_, index) => Math.abs(shareOf(index, count, width) - share));
  return distances.indexOf(Math.min(...distances));
}
