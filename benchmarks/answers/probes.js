// What benchmarks/page.py measures with, inside the page. Times are milliseconds since its navigation began.
globalThis.probes = {
  typed: 0,
  points: [],
  blank: 0,
  frames: 0,

  // The time of the picture of the screen in which `found` holds first.
  shown(found) {
    return new Promise((resolve) => {
      const look = () => requestAnimationFrame(found() ? () => resolve(performance.now()) : look);
      look();
    });
  },

  // The row at the top of the table.
  first: () => document.querySelector('[role="grid"] [role="row"][id]')?.id,

  // How long after the last letter this job is the first of the table.
  filtered: async (id) => (await probes.shown(() => probes.first() === `row-${id}`)) - probes.typed,

  // Scroll a table by some pixels in each picture, and count the pictures in which a place in it shows no row.
  async scroll(pictures, pixels) {
    const grid = document.querySelector('[role="grid"]');
    const box = grid.getBoundingClientRect();
    for (let picture = 0; picture < pictures; picture++) {
      grid.scrollTop += pixels;
      await new Promise(requestAnimationFrame);
      const heights = [0.2, 0.5, 0.9].map((part) => box.top + part * box.height);
      const rows = heights.map((y) => document.elementFromPoint(box.left + 200, y)?.closest('[role="row"]'));
      probes.frames += 1;
      if (!rows.every((row) => row?.textContent)) probes.blank += 1;
    }
    return { blank: probes.blank, frames: probes.frames, top: grid.scrollTop };
  },

  // How long after its event each point was painted, once there are so many.
  followed: async (count) => (await probes.shown(() => probes.points.length >= count)) && probes.points,

  // How long after the answer about the compared jobs the last of their pictures was painted.
  async compared() {
    await probes.shown(() => performance.getEntriesByType("measure").length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const answer = performance.getEntriesByType("resource").findLast((one) => one.name.includes("/v1/compare"));
    const painted = performance.getEntriesByType("measure").map((one) => one.startTime + one.duration);
    return Math.max(...painted) - answer.responseEnd;
  },
};

probes.rows = probes.shown(() => document.querySelector('[role="gridcell"]'));
addEventListener("input", () => (probes.typed = performance.now()), true);

// A point: an epoch's event has come, then the chart's words say it, then a curve is stroked.
let pending = 0;
let told = false;
globalThis.EventSource = class extends EventSource {
  constructor(...given) {
    super(...given);
    this.addEventListener("epoch", () => {
      if (!pending) pending = performance.now();
    });
  }
};
new MutationObserver(() => (told = pending > 0)).observe(document, {
  subtree: true,
  attributes: true,
  attributeFilter: ["aria-label"],
});
const stroke = CanvasRenderingContext2D.prototype.stroke;
CanvasRenderingContext2D.prototype.stroke = function (...given) {
  if (told) {
    probes.points.push(performance.now() - pending);
    pending = 0;
    told = false;
  }
  return stroke.apply(this, given);
};
