import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import { sinceMsSchema, type IdentityTrust, type TrustSnapshot } from "../../contracts/identity.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { KeyRing } from "../biz/key-ring.ts";
import type { RevocationPage } from "../biz/revocation-list.ts";

export interface TrustDeps extends RpcDeps {
  readonly keys: Pick<KeyRing, "publicKeys">;
  readonly pullRevocations: (sinceMs: number) => Promise<RevocationPage>;
}

/** What the gateway reaches: whose signature counts, and whose session no longer does. */
export function trustEntrypoint<E extends object>(wire: (env: E) => TrustDeps) {
  const run = rpcMethods(wire);
  return class Trust extends WorkerEntrypoint<E> implements IdentityTrust {
    snapshot(ctx: CallContext, sinceMs: number): Promise<TrustSnapshot> {
      return run(this.env, ctx, async ({ keys, pullRevocations }) => {
        const since = validate(sinceMsSchema, sinceMs, "sinceMs");
        const [publicKeys, page] = await Promise.all([keys.publicKeys(), pullRevocations(since)]);
        return { keys: publicKeys, ...page };
      });
    }
  };
}
