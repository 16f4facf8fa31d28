import { asc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { d1Call } from "../../platform/database/d1-call.ts";
import type { CellStore } from "../biz/ports.ts";
import { cell } from "./schema.ts";

/** More than any platform has; each has been in `CELLS` once. */
const CELLS_MAX = 1_000;

/** The cells that have users, as registrations have noted them. */
export function d1Cells(db: D1Database): CellStore {
  const orm = drizzle(db);
  return {
    async inUse() {
      // In a batch, which is not tried again: a call is waiting, and what it came for as well.
      const [rows] = await d1Call("read the cells that have users", () =>
        orm.batch([orm.select({ name: cell.name }).from(cell).orderBy(asc(cell.name)).limit(CELLS_MAX)]),
      );
      return rows.map(({ name }) => name);
    },
  };
}
