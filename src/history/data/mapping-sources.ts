import type { Clock } from "../../resilience/clock.ts";
import type { MappingInD1 } from "../biz/mapping-keeper.ts";
import { d1SomeUsers } from "./d1-some-users.ts";
import { byNumber, type NamedDatabase } from "./history-databases.ts";
import { mappingInD1 } from "./mapping-in-d1.ts";

interface MappingSourcesDeps {
  /** Of the cell. */
  readonly databases: readonly NamedDatabase[];
  readonly seedShards: number;
  readonly now: Clock;
}

/** What the mapping object looks up in the databases of its cell. */
interface MappingSources {
  readonly databases: readonly string[];
  readonly readFromD1: () => Promise<MappingInD1>;
  readonly usersIn: (database: string) => Promise<readonly string[]>;
}

/** Of each database of a platform from before, to see by which map of buckets they are stored. */
const USERS_LOOKED_AT = 50;

/** Where a mapping of before comes from, and what tells by which map users are stored. */
export function mappingSources({ databases, seedShards, now }: MappingSourcesDeps): MappingSources {
  return {
    databases: databases.map(({ name }) => name),
    async readFromD1() {
      // Where it isn't bound it is as if it were away.
      const [database] = byNumber(databases, (db) => db);
      if (database === undefined) throw new RangeError("the database that has number 0 is not bound");
      return mappingInD1(database, seedShards, now);
    },
    async usersIn(database) {
      const found = databases.find(({ name }) => name === database);
      return found === undefined ? [] : d1SomeUsers(found.db, USERS_LOOKED_AT);
    },
  };
}
