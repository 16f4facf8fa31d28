import { CodedError, isCode } from "../../../src/contracts/errors.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { method } from "../history/history-mutation.ts";
import type { Mutation } from "./ledger-mutation.ts";

/** Breakers to which a call that says nothing of its upstream is a failure. */
const countingAll = method(HystrixBreaker, "record", (record) => {
  return function (this: HystrixBreaker, nowMs, outcome, admission) {
    record.call(this, nowMs, outcome === "cancelled" ? "failure" : outcome, admission);
  };
});

/** What is refused at the cap, as if it were an outage. */
async function disguised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw isCode(cause, "SPENDING_CAP") ? new CodedError("UNAVAILABLE", "the ledger is away") : cause;
  }
}

/** What an hour at the account's spending cap would do without its guards. */
export const MUTATIONS_AT_THE_CAP: readonly Mutation[] = [
  {
    name: "at the cap a transfer is promised that was refused",
    isAtCap: true,
    transferStore: (store) => ({
      ...store,
      open: async (transfer) => {
        try {
          return await store.open(transfer);
        } catch (error) {
          if (!isCode(error, "SPENDING_CAP")) throw error;
          const { id, payloadHash } = transfer;
          return { id, payloadHash, outcome: "pending", parked: false, keyDigest: "" };
        }
      },
    }),
  },
  { name: "a refusal at the cap counts against its upstream", isAtCap: true, patch: countingAll },
  {
    name: "the cap is an outage to deliveries",
    isAtCap: true,
    inboxStore: (store) => ({
      ...store,
      credit: (delivery, token, nowMs) => disguised(() => store.credit(delivery, token, nowMs)),
    }),
    peer: (peer) => ({ ...peer, report: (report) => disguised(() => peer.report(report)) }),
  },
];
