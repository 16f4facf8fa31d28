import type { sqliteRoomStore } from "../../../src/realtime/data/sqlite-room-store.ts";
import type { SimStorage } from "../kernel/sim-storage.ts";

type RoomStorage = Parameters<typeof sqliteRoomStore>[0];

/** As much of the platform's storage as a room uses, over a simulated one. */
export function roomStorage(storage: SimStorage): RoomStorage {
  const exec = (query: string, ...bindings: (string | number | ArrayBuffer | null)[]) => {
    const rows = storage.sql.exec(query, ...bindings).toArray();
    return {
      toArray: () => rows,
      one: () => {
        const [row] = rows;
        if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows, not one`);
        return row;
      },
    };
  };
  return {
    sql: { exec },
    transactionSync: storage.transactionSync,
    deleteAll: async () => {
      for (const table of ["room", "member", "message"]) storage.sql.exec(`DROP TABLE IF EXISTS ${table}`);
    },
  } as unknown as RoomStorage;
}
