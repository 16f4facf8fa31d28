import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import { deliveryReportSchema } from "../../contracts/ledger-arguments.ts";
import { transferIdSchema, type DeliveryReport } from "../../contracts/ledger.ts";
import type { LedgerSettlement } from "../../contracts/ledger-entrypoints.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { Settlement as SettlementRules } from "../biz/settlement.ts";

export interface SettlementDeps extends RpcDeps {
  readonly settlement: SettlementRules;
}

/** What the other ledger reaches. */
export function settlementEntrypoint<E extends object>(wire: (env: E) => SettlementDeps) {
  const run = rpcMethods(wire);
  return class Settlement extends WorkerEntrypoint<E> implements LedgerSettlement {
    report(ctx: CallContext, report: DeliveryReport): Promise<void> {
      return run(this.env, ctx, ({ settlement }) =>
        settlement.report(validate(deliveryReportSchema, report, "report")),
      );
    }

    fence(ctx: CallContext, transferId: string): Promise<"credited" | "void"> {
      return run(this.env, ctx, ({ settlement }) =>
        settlement.fence(validate(transferIdSchema, transferId, "transferId")),
      );
    }
  };
}
