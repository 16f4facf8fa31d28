import { median } from "./median.ts";

/**
 * One way to read a stream from its first byte to its last. It returns how many frames it found.
 */
export interface Pass {
  readonly name: string;
  readonly run: () => number | Promise<number>;
}

export interface PassOptions {
  readonly frames: number;
  readonly rounds: number;
  readonly roundMs: number;
}

export interface PassTiming {
  readonly name: string;
  /** Of CPU, collecting garbage included, for one pass. */
  readonly ns: number;
  /** The median of each round's ratio to the first. */
  readonly ratio: number;
}

/**
 * Medians of rounds in which the passes take turns. A short pass is made over and over for a round.
 * CPU is measured and not time, so that what else the machine does is left out.
 *
 * @throws Error where a pass finds another number of frames
 */
export async function timePasses(
  passes: readonly Pass[],
  { frames, rounds, roundMs }: PassOptions,
): Promise<readonly PassTiming[]> {
  const samples = passes.map((): number[] => []);
  for (const pass of passes) await timed(pass, frames, roundMs);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, pass] of passes.entries()) samples[index]?.push(await timed(pass, frames, roundMs));
  }
  const base = samples[0] ?? [];
  return passes.map(({ name }, index) => {
    const ns = samples[index] ?? [];
    return {
      name,
      ns: median(ns),
      ratio: median(ns.map((value, round) => value / (base[round] ?? Number.NaN))),
    };
  });
}

async function timed({ name, run }: Pass, frames: number, roundMs: number): Promise<number> {
  const before = process.cpuUsage();
  let [passes, cpuMs] = [0, 0];
  while (cpuMs < roundMs) {
    const counted = run();
    const found = typeof counted === "number" ? counted : await counted;
    if (found !== frames) throw new Error(`${name} found ${found} of ${frames} frames`);
    passes += 1;
    const { user, system } = process.cpuUsage(before);
    cpuMs = (user + system) / 1e3;
  }
  return (cpuMs * 1e6) / passes;
}
