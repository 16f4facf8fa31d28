import type { LedgerName } from "../../contracts/ledger.ts";
import type { LedgerSettlement } from "../../contracts/ledger-entrypoints.ts";
import { backgroundScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { currentPatience } from "../../platform/call/current-patience.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { PeerLedger } from "../biz/ports.ts";
import { readStoredOutcome } from "../biz/stored-outcome.ts";

/** The other ledger, by RPC: within the time of the request that asks, or of a job if none does. */
export function peerLedger(name: LedgerName, rpc: GuardedRpc<LedgerSettlement>, now: Clock): PeerLedger {
  const scope = (requestId: string) => {
    const background = backgroundScope(requestId, "", now());
    const { deadlineAtMs, isHurried = false, isBackground = false } = currentPatience();
    return {
      ...background,
      deadlineAtMs: Math.min(background.deadlineAtMs, deadlineAtMs),
      isHurried,
      isBackground,
    };
  };
  return {
    name,
    report: (report) =>
      rpc.idempotentWrite(scope(report.transferId), "report a delivery", (service, ctx) =>
        service.report(ctx, report),
      ),
    async fence(transferId) {
      const word = await rpc.idempotentWrite(scope(transferId), "fence a transfer", (service, ctx) =>
        service.fence(ctx, transferId),
      );
      return readStoredOutcome(word, name);
    },
  };
}
