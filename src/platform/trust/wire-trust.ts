import type { IdentityTrust } from "../../contracts/identity.ts";
import { backgroundScope } from "../call/request-scope.ts";
import { bindRpc } from "../call/rpc.ts";
import { CALL_TIMEOUT_MS } from "../guard/call-timeouts.ts";
import type { MakeGuard } from "../guard/guard-kit.ts";
import { guardedRpc } from "../guard/guarded-rpc.ts";
import { newTraceparent } from "../http/trace.ts";
import { failureFields, type Logger } from "../logger.ts";
import { randomHex } from "../random-hex.ts";
import { sleep } from "../sleep.ts";
import { TrustStore, type TrustStoreDeps } from "./trust-store.ts";

interface WireTrustInput extends Pick<TrustStoreDeps, "now" | "shared"> {
  /** The binding to identity's entrypoint `Trust`. */
  readonly identity: object;
  readonly makeGuard: MakeGuard;
  readonly logger: Logger;
}

/** Whom a worker believes, as identity says, or what the isolates of its place share of it. */
export function wireTrust({ identity, makeGuard, logger, now, shared }: WireTrustInput): TrustStore {
  const trust = guardedRpc(
    bindRpc<IdentityTrust>(identity),
    makeGuard("identity", { timeoutMs: CALL_TIMEOUT_MS.rpc, maxConcurrent: { reads: 16, writes: 1 } }),
  );
  return new TrustStore({
    pull: (sinceMs) => {
      const scope = backgroundScope(`trust-${randomHex(8)}`, newTraceparent(randomHex), now());
      return trust.read(scope, "pull keys and revocations", (service, ctx) => service.snapshot(ctx, sinceMs));
    },
    ...(shared !== undefined && { shared }),
    now,
    sleep,
    onFailure: (error) => logger.error("trust not refreshed", { ...failureFields(error) }),
  });
}
