import { writeFileSync } from "node:fs";
import { INSTALL_HINT, isRedisInstalled } from "../scripts/runtime/redis-server.ts";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import {
  startBenchedFront,
  startBenchedRedis,
  type BenchedFront,
  type BenchedRedis,
} from "../testbed/redis/benched-redis.ts";
import { median } from "./support/median.ts";
import {
  drawMemory,
  drawNeighbours,
  drawSpeed,
  type NeighbourFigure,
  type SpeedFigure,
} from "./support/redis-charts.ts";
import { measureMemory, type MemoryFigure } from "../testbed/redis/redis-memory.ts";
import {
  nativeNeighbour,
  nativeReads,
  restNeighbour,
  restReads,
  type Neighbour,
} from "./support/redis-neighbour.ts";
import { MANNERS, nativeSpeed, restSpeed, type Speed } from "./support/redis-speed.ts";

const SIZES = [10, 20, 50, 100, 200, 1_000, 5_000];
const KEY_COUNTS = (process.env["BENCH_KEYS"] ?? "10000,50000,100000,500000").split(",").map(Number);
const NEIGHBOUR_SIZES = [100, 10_000, 100_000, 1_000_000];
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 150);
/** In which the neighbour gets going. */
const SETTLE_MS = 400;
const WARM_UP_MS = 500;
const READS_MS = Number(process.env["BENCH_READS_MS"] ?? 800);
const READS_ROUNDS = Number(process.env["BENCH_READS_ROUNDS"] ?? 9);
const PARTS = new Set((process.env["BENCH_PARTS"] ?? "speed,memory,neighbours").split(","));
const FIGURES = "docs/figures/";
const OPERATIONS = ["GET", "SET"] as const;
const WAYS = ["native", "rest"] as const;

interface NeighbourCase {
  readonly way: string;
  readonly size: number | null;
  readonly start: (() => Neighbour) | null;
  readonly read: () => Promise<readonly number[]>;
}

/**
 * Redis by the size of its values: commands/s, bytes a key, and what one client with large values
 * does to the others.
 */
export async function run(): Promise<void> {
  if (!isRedisInstalled()) {
    console.log(`left out: ${INSTALL_HINT}`);
    return;
  }
  const server = await startBenchedRedis();
  const other = await startBenchedRedis();
  const front = await startBenchedFront(server);
  try {
    if (PARTS.has("speed")) draw("redis-speed", drawSpeed(SIZES, await measureSpeeds(server, front)));
    if (PARTS.has("memory")) draw("redis-memory", drawMemory(SIZES, await measureAllMemory(server)));
    if (PARTS.has("neighbours"))
      draw(
        "redis-large-values",
        drawNeighbours(NEIGHBOUR_SIZES, await measureNeighbours(server, other, front)),
      );
  } finally {
    await front.stop();
    await other.stop();
    await server.stop();
  }
}

function draw(name: string, picture: string): void {
  writeFileSync(`${PROJECT_ROOT}${FIGURES}${name}.svg`, picture);
  console.log(`drawn in ${FIGURES}${name}.svg\n`);
}

/**
 * Sizes, manners and both ways take turns in each round, so that a slow minute of the machine hits
 * all of them.
 */
async function measureSpeeds(server: BenchedRedis, front: BenchedFront): Promise<readonly SpeedFigure[]> {
  // The first requests of both Node processes are compiled while they run.
  for (const manner of MANNERS) await restSpeed(front, 100, manner, WARM_UP_MS);
  const runs = new Map<string, Speed[]>();
  const add = (key: string, speed: Speed | null): void =>
    void (speed === null || runs.set(key, [...(runs.get(key) ?? []), speed]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const size of SIZES) {
      for (const manner of MANNERS) {
        const both = {
          native: manner.oneClient ? null : await nativeSpeed(server, size, manner, ROUND_MS),
          rest: await restSpeed(front, size, manner, ROUND_MS),
        };
        for (const way of WAYS)
          for (const operation of OPERATIONS)
            add(`${way} ${operation} ${size} ${manner.name}`, both[way]?.[operation] ?? null);
      }
    }
  }
  const figures: SpeedFigure[] = [];
  for (const size of SIZES) {
    for (const { name: manner } of MANNERS) {
      for (const operation of OPERATIONS) {
        for (const way of WAYS) {
          const speeds = runs.get(`${way} ${operation} ${size} ${manner}`);
          if (speeds !== undefined) figures.push({ size, manner, operation, way, ...middle(speeds) });
        }
      }
    }
  }
  console.log(
    `commands/s, medians of ${ROUNDS} interleaved rounds of ${ROUND_MS} ms; in brackets p50 / p99 of a request in ms`,
  );
  for (const operation of OPERATIONS) {
    const rows = SIZES.map((size) => [
      `${operation} ${size} B`,
      Object.fromEntries(
        figures
          .filter((figure) => figure.size === size && figure.operation === operation)
          .map(({ way, manner, perSecond, p50Ms, p99Ms }) => [
            `${way}, ${manner}`,
            `${rounded(perSecond)} (${short(p50Ms)} / ${short(p99Ms)})`,
          ]),
      ),
    ]);
    console.table(Object.fromEntries(rows));
  }
  return figures;
}

function middle(speeds: readonly Speed[]): Speed {
  const of = (key: keyof Speed): number => median(speeds.map((speed) => speed[key]));
  return { perSecond: of("perSecond"), p50Ms: of("p50Ms"), p99Ms: of("p99Ms") };
}

async function measureAllMemory(server: BenchedRedis): Promise<readonly MemoryFigure[]> {
  const figures: MemoryFigure[] = [];
  for (const size of SIZES) figures.push(...(await measureMemory(server, size, KEY_COUNTS)));
  console.log("bytes a key: measured (by the model)");
  const show = ({ measured, theory }: MemoryFigure): string =>
    measured === null
      ? "left out: half of free memory"
      : `${measured.toFixed(1)} (${theory.total.toFixed(1)})`;
  const rows = SIZES.map((size) => {
    const ofSize = figures.filter(({ valueLength }) => valueLength === size);
    const most = ofSize.findLast(({ measured }) => measured !== null);
    return [
      `${size} B`,
      {
        ...Object.fromEntries(ofSize.map((figure) => [figure.keys, show(figure)])),
        "× the value": ((most?.measured ?? Number.NaN) / size).toFixed(2),
      },
    ];
  });
  console.table(Object.fromEntries(rows));
  return figures;
}

/**
 * What others wait while one client moves values of a size: on the same server, and on another
 * beside it, which takes as much of the machine. The calmest round counts: whatever else the
 * machine does can only add to it.
 */
async function measureNeighbours(
  server: BenchedRedis,
  other: BenchedRedis,
  front: BenchedFront,
): Promise<readonly NeighbourFigure[]> {
  const native = () => nativeReads(server, READS_MS);
  const rest = () => restReads(front, READS_MS);
  const cases: readonly NeighbourCase[] = [
    { way: "native, nobody", size: null, start: null, read: native },
    { way: "REST, nobody", size: null, start: null, read: rest },
    ...NEIGHBOUR_SIZES.flatMap((size) => [
      { way: "native, one at a time", size, start: () => nativeNeighbour(server, size, 1), read: native },
      { way: "native, 16 at a time", size, start: () => nativeNeighbour(server, size, 16), read: native },
      {
        way: "the same on another server",
        size,
        start: () => nativeNeighbour(other, size, 16),
        read: native,
      },
      { way: "REST, one at a time", size, start: () => restNeighbour(front, size), read: rest },
    ]),
  ];
  const runs = cases.map(() => [] as number[][]);
  for (let round = 0; round < READS_ROUNDS; round += 1) {
    for (const [index, { start, read }] of cases.entries()) {
      const neighbour = start?.();
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      runs[index]?.push((await read()).toSorted((a, b) => a - b));
      await neighbour?.stop();
    }
  }
  const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  const figures = cases.map(({ way, size }, index) => ({
    way,
    size,
    p99Ms: Math.min(...(runs[index] ?? []).map(p99)),
  }));
  console.log(
    `p99 of small reads in ms while one client moves values of a size, the calmest of ${READS_ROUNDS} rounds`,
  );
  const rows = [...new Set(figures.map(({ way }) => way))].map((way) => [
    way,
    Object.fromEntries(
      figures.filter((figure) => figure.way === way).map(({ size, p99Ms }) => [size ?? "none", short(p99Ms)]),
    ),
  ]);
  console.table(Object.fromEntries(rows));
  return figures;
}

function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}
