/** Lines over two logarithmic axes, as an SVG of its own. */
export interface LogChart {
  readonly title: string;
  readonly xLabel: string;
  readonly xs: readonly number[];
  readonly xNames: readonly string[];
  readonly yNames: (y: number) => string;
  readonly yRange: readonly [number, number];
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly dashed?: boolean;
  /** One for each x; null where there is none. */
  readonly ys: readonly (number | null)[];
}

const WIDTH = 820;
const HEIGHT = 420;
const LEFT = 78;
const RIGHT = 262;
const TOP = 48;
const BOTTOM = 58;
const INK = "#333";
const LABEL_GAP = 16;

/** Each line has its name at its right end; names that would lie on each other are moved apart. */
export function drawLogChart({
  title,
  xLabel,
  xs,
  xNames,
  yNames,
  yRange: [low, high],
  series,
}: LogChart): string {
  const share = (value: number, from: number, to: number): number =>
    Math.log(value / from) / Math.log(to / from);
  const x = (value: number): number =>
    LEFT + share(value, xs[0] ?? 1, xs.at(-1) ?? 10) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - share(value, low, high) * (HEIGHT - TOP - BOTTOM);
  const columns = xs.map((value, index) =>
    text(x(value), HEIGHT - BOTTOM + 20, xNames[index] ?? "", 'text-anchor="middle"'),
  );
  const rows = decades(low, high).map((value) => {
    const line = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#ddd"/>`;
    return line + text(LEFT - 8, y(value) + 4, yNames(value), 'text-anchor="end"');
  });
  const lines = series.map(({ ys, colour, dashed = false }) => {
    const points = ys.flatMap((value, index) =>
      value === null ? [] : [{ px: x(xs[index] ?? 1).toFixed(1), py: y(value).toFixed(1) }],
    );
    const path = `<polyline points="${points.map(({ px, py }) => `${px},${py}`).join(" ")}" fill="none" stroke="${colour}" stroke-width="2.5"${dashed ? ' stroke-dasharray="6 5"' : ""}/>`;
    return (
      path + points.map(({ px, py }) => `<circle cx="${px}" cy="${py}" r="3.5" fill="${colour}"/>`).join("")
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 26, title, 'font-size="15" font-weight="600"'),
    ...rows,
    ...columns,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, xLabel, 'text-anchor="middle"'),
    ...lines,
    ...names(series, y),
    "</svg>",
    "",
  ].join("\n");
}

function names(series: readonly Series[], y: (value: number) => number): readonly string[] {
  const wanted = series
    .map(({ name, colour, ys }) => ({ name, colour, at: y(ys.findLast((value) => value !== null) ?? 1) + 4 }))
    .toSorted((a, b) => a.at - b.at);
  let floor = 0;
  return wanted.map(({ name, colour, at }) => {
    floor = Math.max(at, floor + LABEL_GAP);
    return text(WIDTH - RIGHT + 12, floor, name, `style="fill:${colour}" font-weight="600" font-size="12"`);
  });
}

function decades(low: number, high: number): readonly number[] {
  const steps: number[] = [];
  for (let value = 10 ** Math.ceil(Math.log10(low)); value <= high * 1.001; value *= 10) steps.push(value);
  return steps;
}

function text(x: number, y: number, content: string, more: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${INK}" ${more}>${content}</text>`;
}
