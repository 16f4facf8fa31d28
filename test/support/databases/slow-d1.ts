import { proxiedD1 } from "../../../testbed/databases/d1-proxy.ts";
import type { SqliteD1 } from "./sqlite-d1.ts";

/**
 * How a database behaves at the moment: how late its answers are, in ms, and whether it then says
 * that the connection was lost. What was asked is done all the same.
 */
export interface Slowness {
  ms: number;
  loses: boolean;
}

/**
 * A database that does at once what it is asked, and is slow to say so. A test turns the slowness
 * as it goes.
 */
export function slowD1(d1: SqliteD1, slowness: Slowness): D1Database {
  return proxiedD1(d1, async (ask) => {
    const { ms, loses } = slowness;
    const results = await ask();
    if (ms > 0) await new Promise((resolve) => void setTimeout(resolve, ms));
    if (loses) throw new Error("D1_ERROR: Network connection lost.");
    return results;
  });
}
