import type { Principal } from "../../contracts/call-context.ts";
import type { HistorySockets } from "../../contracts/realtime-rpc.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import type { HistoryPort } from "../biz/ports.ts";

interface CometHistoryDeps {
  readonly comet: string;
  /** The cell whose users the comet holds. */
  readonly cell: string;
  readonly history: GuardedRpc<HistorySockets>;
  /** The same with the time for reports, which may wait on purpose. */
  readonly reports: GuardedRpc<HistorySockets>;
  /** The scope of a call that somebody waits for: this user, or many. */
  readonly scopeFor: (what: string, user: Principal | null) => RequestScope;
}

/** The history as one comet asks it. A join that fails is made again by the comet alone. */
export function cometHistory({ comet, cell, history, reports, scopeFor }: CometHistoryDeps): HistoryPort {
  return {
    async join(user, order) {
      const { page } = await history.write(
        scopeFor("join", user),
        "say that a user listens",
        (service, ctx) => service.join(ctx, { comet, ...order }),
      );
      return page;
    },
    leave: (listeners) =>
      history.write(scopeFor("leave", null), "say who has left", (service, ctx) =>
        service.leave(ctx, comet, listeners, cell),
      ),
    report: (batch) =>
      reports.idempotentWrite(scopeFor("report", null), "report playback", (service, ctx) =>
        service.report(ctx, comet, batch, cell),
      ),
  };
}
