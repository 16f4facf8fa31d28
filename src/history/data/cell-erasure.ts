import type { DatabaseDirectory } from "../biz/database-directory.ts";
import { d1Erasure } from "./d1-erasure.ts";
import { databaseFinder, type NamedDatabase } from "./history-databases.ts";

/**
 * Forgets a user in all databases of a cell, step by step. The last one fails while the database is
 * not bound that holds them.
 */
export function cellErasure(
  databases: readonly NamedDatabase[],
  cell: string,
  places: DatabaseDirectory,
): readonly ((userId: string) => Promise<void>)[] {
  return [
    ...databases.map(({ db }) => d1Erasure(db)),
    // Rows that can't be reached may name the user: it is not done before they can.
    async (userId) => {
      const { databaseOf } = await places.placement();
      databaseFinder(databases, cell, databaseOf)(userId);
    },
  ];
}
