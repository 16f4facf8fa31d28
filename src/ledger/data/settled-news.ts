import { codeOf, isRefusal } from "../../contracts/errors.ts";
import type { LedgerName } from "../../contracts/ledger.ts";
import { REALTIME_OPS } from "../../contracts/realtime-ops.ts";
import type { RealtimePushes } from "../../contracts/realtime-rpc.ts";
import type { TransferSettledBody } from "../../contracts/realtime.ts";
import { backgroundScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { TellSettled } from "../biz/ports.ts";

interface SettledNewsDeps {
  readonly from: LedgerName;
  readonly to: LedgerName;
  readonly pushes: GuardedRpc<RealtimePushes>;
  readonly background: (work: Promise<unknown>) => void;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/** What telling one user may take, in ms. */
const PATIENCE_MS = 5_000;
const WHAT = "tell of a settled transfer";

/**
 * Tells the user's sockets, in the background and once: whoever isn't reached reads it from the
 * list of transfers. Where the sockets are left alone for a while nothing is lost, and no line
 * told.
 */
export function settledNews({ from, to, pushes, background, now, onFailure }: SettledNewsDeps): TellSettled {
  return function tellSettled({ id, userId, amount, settledAtMs }) {
    const body: TransferSettledBody = { transferId: id, from, to, amount, settledAt: settledAtMs };
    const message = {
      op: REALTIME_OPS.transferSettled,
      body: new TextEncoder().encode(JSON.stringify(body)),
    };
    const tell = async (): Promise<void> => {
      try {
        await pushes.write(backgroundScope(id, "", now(), PATIENCE_MS), WHAT, (service, ctx) =>
          service.users(ctx, [userId], message),
        );
      } catch (error) {
        if (!isRefusal(codeOf(error))) onFailure(WHAT, error);
      }
    };
    background(tell());
  };
}
