import type { FaultInjector } from "../../platform/guard/faults.ts";
import type { InboxStore } from "../biz/ports.ts";

/**
 * The inbox of a ledger into which operators inject faults: what they break for callers, they break
 * for its queue's consumer too.
 */
export function faultyInbox(inbox: InboxStore, faults: FaultInjector): InboxStore {
  return {
    credit: (delivery, token, nowMs) => faults.around(() => inbox.credit(delivery, token, nowMs)),
    fence: (messageId, token, nowMs) => inbox.fence(messageId, token, nowMs),
  };
}
