import { WorkerEntrypoint } from "cloudflare:workers";
import { callContextSchema, type CallContext } from "../../contracts/call-context.ts";
import type { HistoryErasure } from "../../contracts/history.ts";
import { validate } from "../../platform/validate.ts";
import { historyUserIdSchema } from "../biz/record-schema.ts";

/** What identity reaches when an account is closed. */
export function erasureEntrypoint<E extends object>(
  wire: (env: E) => { readonly erase: (userId: string) => Promise<void> },
) {
  return class Erasure extends WorkerEntrypoint<E> implements HistoryErasure {
    async erase(ctx: CallContext, userId: string): Promise<void> {
      validate(callContextSchema, ctx, "ctx");
      await wire(this.env).erase(validate(historyUserIdSchema, userId, "userId"));
    }
  };
}
