import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import { deliveryReportSchema } from "../../contracts/ledger-arguments.ts";
import { transferIdSchema, type DeliveryReport } from "../../contracts/ledger.ts";
import type { LedgerSettlement } from "../../contracts/ledger-entrypoints.ts";
import { withinTimeOf } from "../../platform/request-scope.ts";
import { validate } from "../../platform/validate.ts";
import type { Settlement } from "../biz/settlement.ts";

export interface SettlementDeps {
  readonly settlement: Settlement;
}

/** What the other ledger reaches. */
export function settlementEntrypoint<E extends object>(wire: (env: E) => SettlementDeps) {
  return class SettlementEntrypoint extends WorkerEntrypoint<E> implements LedgerSettlement {
    async report(ctx: CallContext, report: DeliveryReport): Promise<void> {
      await withinTimeOf(ctx, Date.now, () =>
        wire(this.env).settlement.report(validate(deliveryReportSchema, report, "report")),
      );
    }

    async fence(ctx: CallContext, transferId: string): Promise<"credited" | "void"> {
      return withinTimeOf(ctx, Date.now, () =>
        wire(this.env).settlement.fence(validate(transferIdSchema, transferId, "transferId")),
      );
    }
  };
}
