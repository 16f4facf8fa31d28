import { WorkerEntrypoint } from "cloudflare:workers";
import { cellNameSchema, type CallContext } from "../../contracts/call-context.ts";
import type { HistoryErasure } from "../../contracts/history.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import { historyUserIdSchema } from "../biz/record-schema.ts";

export interface ErasureDeps extends RpcDeps {
  readonly erase: (userId: string, cell: string | undefined) => Promise<void>;
}

/** Identity of the release before names none: nobody had another home than `main`. */
const cellSchema = cellNameSchema.optional();

/** What identity reaches when an account is closed. */
export function erasureEntrypoint<E extends object>(wire: (env: E) => ErasureDeps) {
  const run = rpcMethods(wire);
  return class Erasure extends WorkerEntrypoint<E> implements HistoryErasure {
    erase(ctx: CallContext, userId: string, cell?: string): Promise<void> {
      return run(this.env, ctx, ({ erase }) =>
        erase(validate(historyUserIdSchema, userId, "userId"), validate(cellSchema, cell, "cell")),
      );
    }
  };
}
