import type { HistoryErasure } from "../../contracts/history.ts";
import { backgroundContext } from "../../platform/call-context.ts";
import { randomHex } from "../../platform/random-hex.ts";
import { rpc } from "../../platform/rpc.ts";
import { continueTrace, formatTraceparent } from "../../platform/trace.ts";
import type { EraseHistory } from "../biz/ports.ts";

/** Erases over RPC. No request waits for it, so each call starts a trace of its own. */
export function historyEraser(history: HistoryErasure): EraseHistory {
  return function eraseHistory(userId) {
    const ctx = backgroundContext(`erasure-${userId}`, formatTraceparent(continueTrace(null, randomHex)));
    return rpc("erase a user's history", history.erase(ctx, userId));
  };
}
