import type { Cell } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { CometRpc } from "../../contracts/realtime-rpc.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { callAcrossReleases } from "../../platform/call/rpc.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import type { TellComet } from "../biz/ports.ts";

interface CometStubsDeps {
  /** Absent where there is no realtime worker: nobody listens there, and calls fail. */
  readonly namespace: ObjectNamespace | undefined;
  readonly guard: Guard;
  /** Whose shards tell: their comets are made where they are. */
  readonly cell: Cell;
}

const WHAT = "tell a comet";

/**
 * Tells comets what is new, one attempt each: the shard tries again, with what has come meanwhile.
 * No request waits for it, so none's time bounds it.
 */
export function cometStubs({ namespace, guard, cell }: CometStubsDeps): TellComet {
  const objects = namespace === undefined ? null : objectsOf<CometRpc>(namespace, cell.locationHint);
  return async function tellComet(comet, news) {
    if (objects === null) throw new CodedError("UNAVAILABLE", "There is no realtime worker");
    const plan = {
      kind: "write",
      idempotent: false,
      part: comet,
      deadlineAtMs: Number.POSITIVE_INFINITY,
    } as const;
    const { gone } = await guard.call(WHAT, plan, async () => {
      try {
        return await callAcrossReleases(WHAT, () => objects(comet).changed(news));
      } catch (cause) {
        throw objectError(cause, WHAT);
      }
    });
    return gone;
  };
}
