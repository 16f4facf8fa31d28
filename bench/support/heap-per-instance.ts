import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median } from "./median.ts";

/** Something that there are many of: one for each upstream, or one for each client. */
export interface HeapCandidate {
  readonly name: string;
  /**
   * Makes this many, uses each of them as much as the table says, and returns whatever keeps them
   * alive.
   */
  readonly make: (count: number) => Promise<{ readonly alive: unknown; readonly close?: () => void }>;
}

/**
 * A frame that has ended may keep its instances for a while: seldom, so that the median is spared
 * it.
 */
const ROUNDS = 5;
const COLLECTIONS = 3;
const collect = collector();

/**
 * Bytes per instance, buffers beside the heap included: the median of what is left after
 * collection.
 */
export async function bytesPerInstance(candidate: HeapCandidate, count: number): Promise<number> {
  // The first one pays for compiled code and hidden classes.
  await weighOnce(candidate, count);
  const bytes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) bytes.push((await weighOnce(candidate, count)) / count);
  const weight = Math.round(median(bytes));
  if (weight <= 0) throw new Error(`${candidate.name} weighs nothing: it was not kept alive`);
  return weight;
}

/**
 * A function of its own: within a loop the instances of one round would stay alive until those of
 * the next replace them, and weigh nothing.
 */
async function weighOnce({ make }: HeapCandidate, count: number): Promise<number> {
  const before = await usedBytes();
  const made = await make(count);
  const after = await usedBytes();
  made.close?.();
  if (made.alive === undefined) throw new Error("nothing was kept alive");
  return after - before;
}

async function usedBytes(): Promise<number> {
  // What is queued still holds what it will work on, and what is dropped may have to be finalised
  // before all of it is gone.
  for (let round = 0; round < COLLECTIONS; round += 1) {
    await setImmediate();
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The collector, got once: each new context weighs more than what is to be weighed. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  if (typeof gc !== "function") throw new Error("the collector cannot be called");
  return () => void gc();
}
