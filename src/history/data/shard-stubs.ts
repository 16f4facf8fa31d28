import { MAIN_CELL, type Cell } from "../../contracts/cell.ts";
import type { CallTimer } from "../../platform/guard/call-timer.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import { callAcrossReleases } from "../../platform/call/rpc.ts";
import { currentPatience } from "../../platform/call/current-patience.ts";
import type { ShardCall } from "../biz/ports.ts";
import { shardName } from "../../contracts/shard-name.ts";
import type { ShardRpc } from "../biz/shard-rpc.ts";

const MAIN: Cell = { name: MAIN_CELL, locationHint: null };

interface ShardStubsDeps {
  readonly namespace: ObjectNamespace;
  /** Whose shards they are; `main`'s if absent. */
  readonly cell?: Cell;
  /** The guard of one shard: a shard that fails must not open a breaker for the others. */
  readonly guardOf: (shard: number) => Guard;
  /** What a call may take, where it is not the guard's own timeout, in ms. */
  readonly timeoutMs?: number;
  /** How a late one is given up, where it is not as the guard does it. */
  readonly timer?: CallTimer;
}

/**
 * Calls the shards of a cell through their namespace, each behind a guard of its own, within the
 * time of the request that asks; without end where none does.
 */
export function shardStubs({ namespace, cell = MAIN, guardOf, ...limit }: ShardStubsDeps): ShardCall {
  const objects = objectsOf<ShardRpc>(namespace, cell.locationHint);
  return function callShard(shard, what, { kind, idempotent = kind === "read", patience }, call) {
    const plan = { kind, idempotent, ...limit, ...(patience ?? currentPatience()) };
    return guardOf(shard).call(what, plan, async ({ limitMs }) => {
      try {
        return await callAcrossReleases(what, () =>
          call(objects(shardName({ cell: cell.name, shard })), limitMs),
        );
      } catch (cause) {
        throw objectError(cause, what);
      }
    });
  };
}
