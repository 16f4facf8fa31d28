import { drawLogChart } from "./log-chart.ts";
import type { MemoryFigure } from "../../testbed/redis/redis-memory.ts";
import { MANNERS, type Operation, type Speed } from "./redis-speed.ts";

export interface SpeedFigure extends Speed {
  readonly size: number;
  readonly manner: string;
  readonly operation: Operation;
  readonly way: "native" | "rest";
}

export interface NeighbourFigure {
  readonly way: string;
  /** Of the neighbour's values; null if there is none. */
  readonly size: number | null;
  readonly p99Ms: number;
}

const NATIVE = "#1a7f5a";
const REST = "#b0532a";
const PLAIN = "#777";
const SHADES: Readonly<Record<string, number>> = {
  "one at a time": 0.45,
  "50 clients": 0.65,
  "50 callers of one client": 0.8,
  pipelined: 1,
};
const short = (value: number): string =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(value);

/** Commands/s of GET by size. */
export function drawSpeed(sizes: readonly number[], figures: readonly SpeedFigure[]): string {
  const series = (["native", "rest"] as const).flatMap((way) =>
    MANNERS.filter(({ oneClient }) => way === "rest" || oneClient !== true).map(({ name }) => ({
      name: `${way === "native" ? "native" : "over REST"}, ${name}`,
      colour: mixed(way === "native" ? NATIVE : REST, SHADES[name] ?? 1),
      dashed: way === "rest",
      ys: sizes.map(
        (size) =>
          figures.find(
            (figure) =>
              figure.size === size &&
              figure.way === way &&
              figure.manner === name &&
              figure.operation === "GET",
          )?.perSecond ?? null,
      ),
    })),
  );
  return drawLogChart({
    title: "GET/s by the size of values",
    xLabel: "bytes of a value",
    xs: sizes,
    xNames: sizes.map(short),
    yNames: short,
    yRange: [300, 3e6],
    series,
  });
}

/** What a key takes at the largest count that was measured, beside its value alone. */
export function drawMemory(sizes: readonly number[], figures: readonly MemoryFigure[]): string {
  const last = (size: number): MemoryFigure | undefined =>
    figures.findLast((figure) => figure.valueLength === size && figure.measured !== null);
  return drawLogChart({
    title: `Bytes a key by the size of its value, ${short(Math.max(...figures.flatMap(({ keys, measured }) => (measured === null ? [] : [keys]))))} keys`,
    xLabel: "bytes of a value",
    xs: sizes,
    xNames: sizes.map(short),
    yNames: short,
    yRange: [8, 10_000],
    series: [
      { name: "measured", colour: NATIVE, ys: sizes.map((size) => last(size)?.measured ?? null) },
      {
        name: "by the model",
        colour: REST,
        dashed: true,
        ys: sizes.map((size) => last(size)?.theory.total ?? null),
      },
      { name: "the value alone", colour: PLAIN, dashed: true, ys: sizes },
    ],
  });
}

/** p99 of the others by the size of one client's values. */
export function drawNeighbours(sizes: readonly number[], figures: readonly NeighbourFigure[]): string {
  const of = (way: string) =>
    sizes.map((size) => figures.find((figure) => figure.way === way && figure.size === size)?.p99Ms ?? null);
  return drawLogChart({
    title: "p99 of small reads while one client moves large values",
    xLabel: "bytes of that client's values",
    xs: sizes,
    xNames: sizes.map(short),
    yNames: (value) => `${value} ms`,
    yRange: [0.1, 100],
    series: [
      { name: "over REST, one at a time", colour: REST, dashed: true, ys: of("REST, one at a time") },
      { name: "native, 16 at a time", colour: NATIVE, ys: of("native, 16 at a time") },
      { name: "native, one at a time", colour: mixed(NATIVE, 0.55), ys: of("native, one at a time") },
      {
        name: "16 at a time, another server",
        colour: PLAIN,
        dashed: true,
        ys: of("the same on another server"),
      },
    ],
  });
}

/** A colour thinned with white. */
function mixed(colour: string, share: number): string {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return `#${parts
    .map((part) =>
      Math.round(part * share + 255 * (1 - share))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}
