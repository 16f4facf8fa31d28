import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import { sinceMsSchema, type IdentityTrust, type TrustSnapshot } from "../../contracts/identity.ts";
import { withinTimeOf } from "../../platform/request-scope.ts";
import { validate } from "../../platform/validate.ts";
import type { KeyRing } from "../biz/key-ring.ts";
import type { RevocationPage } from "../biz/revocation-list.ts";

export interface TrustDeps {
  readonly keys: Pick<KeyRing, "publicKeys">;
  readonly pullRevocations: (sinceMs: number) => Promise<RevocationPage>;
}

/** What the gateway reaches: whose signature counts, and whose session no longer does. */
export function trustEntrypoint<E extends object>(wire: (env: E) => TrustDeps) {
  return class Trust extends WorkerEntrypoint<E> implements IdentityTrust {
    async snapshot(ctx: CallContext, sinceMs: number): Promise<TrustSnapshot> {
      return withinTimeOf(ctx, Date.now, async () => {
        const since = validate(sinceMsSchema, sinceMs, "sinceMs");
        const { keys, pullRevocations } = wire(this.env);
        const [publicKeys, page] = await Promise.all([keys.publicKeys(), pullRevocations(since)]);
        return { keys: publicKeys, ...page };
      });
    }
  };
}
