import type { HistoryErasure } from "../../contracts/history.ts";
import { backgroundScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { randomHex } from "../../platform/random-hex.ts";
import { newTraceparent } from "../../platform/http/trace.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { EraseHistory } from "../biz/ports.ts";

/** Erases over RPC. No request waits for it, so each call starts a trace of its own. */
export function historyEraser(history: GuardedRpc<HistoryErasure>, now: Clock): EraseHistory {
  return function eraseHistory({ userId, cell }) {
    const scope = backgroundScope(`erasure-${userId}`, newTraceparent(randomHex), now());
    return history.idempotentWrite(scope, "erase a user's history", (service, ctx) =>
      cell === null ? service.erase(ctx, userId) : service.erase(ctx, userId, cell),
    );
  };
}
