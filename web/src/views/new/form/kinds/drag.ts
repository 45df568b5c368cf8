// Moving the items of a list by mouse, pen or finger, at their grips.

import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";

/** A drag in progress: from which place, and before which gap the item would come down. */
interface Drag {
  from: number;
  gap: number;
}

/** Lets the items of a list be dragged. `onMove` is told from which place to which. */
export function useDrag(list: RefObject<HTMLElement | null>, onMove: (from: number, to: number) => void) {
  const drag = useSignal<Drag | null>(null);

  function gapAt(y: number): number {
    const items = [...(list.current?.children ?? [])].map((item) => item.getBoundingClientRect());
    const below = items.findIndex((box) => y < box.top + box.height / 2);
    return below === -1 ? items.length : below;
  }

  function start(event: PointerEvent, from: number): void {
    const grip = event.currentTarget;
    if (!(grip instanceof HTMLElement) || event.button !== 0) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    drag.value = { from, gap: from };
    const follow = (next: PointerEvent): void => {
      drag.value = { from, gap: gapAt(next.clientY) };
    };
    const end = (last: Event): void => {
      grip.removeEventListener("pointermove", follow);
      grip.removeEventListener("pointerup", end);
      grip.removeEventListener("pointercancel", end);
      const gap = drag.value?.gap ?? from;
      drag.value = null;
      const to = gap > from ? gap - 1 : gap;
      if (last.type === "pointerup" && to !== from) onMove(from, to);
    };
    grip.addEventListener("pointermove", follow);
    grip.addEventListener("pointerup", end);
    grip.addEventListener("pointercancel", end);
  }

  /** How an item is marked while one is dragged: itself, or the gap before or after it. */
  function markOf(index: number): string {
    const now = drag.value;
    if (!now) return "";
    const last = (list.current?.children.length ?? 0) - 1;
    if (now.gap === index) return now.from === index ? "dragged" : "gap-before";
    if (now.gap > last && index === last) return now.from === index ? "dragged" : "gap-after";
    return now.from === index ? "dragged" : "";
  }

  return { start, markOf };
}
