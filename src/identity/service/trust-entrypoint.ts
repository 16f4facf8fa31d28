import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { IdentityTrust, TrustSnapshot } from "../../contracts/identity.ts";
import { withinTimeOf } from "../../platform/request-scope.ts";
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
        const { keys, pullRevocations } = wire(this.env);
        const [publicKeys, page] = await Promise.all([keys.publicKeys(), pullRevocations(sinceMs)]);
        return { keys: publicKeys, ...page };
      });
    }
  };
}
