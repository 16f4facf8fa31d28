import type { Offered } from "./open-loop.ts";

interface Chart {
  readonly capacity: number;
  readonly steps: readonly number[];
  readonly protectedSteps: readonly Offered[];
  readonly bareSteps: readonly Offered[];
}

const WIDTH = 720;
const HEIGHT = 380;
const LEFT = 70;
const RIGHT = 24;
const TOP = 48;
const BOTTOM = 56;
const PROTECTED = "#1a7f5a";
const BARE = "#c0392b";
const INK = "#333";

/**
 * Goodput over offered load, both in multiples of the capacity, as an SVG of its own. The
 * horizontal axis is logarithmic.
 */
export function drawCurves({ capacity, steps, protectedSteps, bareSteps }: Chart): string {
  const first = steps[0] ?? 0.5;
  const last = steps.at(-1) ?? 10;
  const x = (step: number): number =>
    LEFT + (Math.log(step / first) / Math.log(last / first)) * (WIDTH - LEFT - RIGHT);
  const y = (share: number): number => HEIGHT - BOTTOM - (share / 1.1) * (HEIGHT - TOP - BOTTOM);
  const line = (results: readonly Offered[], colour: string): string => {
    const points = results.map(
      ({ goodPerSecond }, index) =>
        `${x(steps[index] ?? 1).toFixed(1)},${y(goodPerSecond / capacity).toFixed(1)}`,
    );
    const dots = points.map(
      (point) => `<circle cx="${point.split(",")[0]}" cy="${point.split(",")[1]}" r="4" fill="${colour}"/>`,
    );
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2.5"/>${dots.join("")}`;
  };
  const text = (atX: number, atY: number, content: string, more = ""): string =>
    `<text x="${atX.toFixed(1)}" y="${atY.toFixed(1)}" fill="${INK}" ${more}>${content}</text>`;
  const columns = steps.map((step) =>
    text(x(step), HEIGHT - BOTTOM + 20, `${step}×`, 'text-anchor="middle"'),
  );
  const rows = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share)}" y2="${y(share)}" stroke="#ddd"/>${text(LEFT - 8, y(share) + 4, `${share * 100} %`, 'text-anchor="end"')}`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(
      LEFT,
      24,
      "Goodput under overload: answers within a second, in shares of the capacity",
      'font-size="15" font-weight="600"',
    ),
    ...rows,
    ...columns,
    text(
      (LEFT + WIDTH - RIGHT) / 2,
      HEIGHT - 12,
      "offered load, in multiples of the capacity",
      'text-anchor="middle"',
    ),
    line(bareSteps, BARE),
    line(protectedSteps, PROTECTED),
    text(
      WIDTH - RIGHT - 4,
      y(protectedSteps.at(-1) === undefined ? 1 : 0.86),
      "with protection",
      `text-anchor="end" font-weight="600" style="fill:${PROTECTED}"`,
    ),
    text(WIDTH - RIGHT - 4, y(0.06), "without", `text-anchor="end" font-weight="600" style="fill:${BARE}"`),
    "</svg>",
    "",
  ].join("\n");
}
