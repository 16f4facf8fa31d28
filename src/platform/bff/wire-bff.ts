import { audienceOf, type BffName } from "../../contracts/internal-request.ts";
import type { BffOptions } from "./bff-app.ts";
import { readBffConfig } from "./bff-config.ts";
import { requestTimer } from "../guard/call-timer.ts";
import type { FaultBoard } from "../guard/fault-board.ts";
import type { MakeGuard } from "../guard/guard-kit.ts";
import { internalTokenVerifier } from "./internal-token.ts";
import type { ObjectNamespace } from "../objects.ts";
import { wireWorker } from "../wire-worker.ts";

interface WireBffInput {
  readonly name: BffName;
  /** The vars and secrets that every BFF has; a bad one is refused by name. */
  readonly vars: object;
  readonly breakerState: ObjectNamespace;
  readonly faultBoard: ObjectNamespace;
  readonly background: (work: Promise<unknown>) => void;
}

interface WiredBff {
  /** What `createBff` takes beside the BFF's own routes. */
  readonly shared: Pick<BffOptions, "verifyInternalToken" | "logger" | "now">;
  readonly makeGuard: MakeGuard;
  readonly faults: FaultBoard | null;
}

/** What every BFF is built on: it believes the gateway's token for itself, and guards its calls. */
export function wireBff({ name, vars, ...bindings }: WireBffInput): WiredBff {
  const config = readBffConfig(vars);
  const now = Date.now;
  const audience = audienceOf(name);
  const { logger, makeGuard, faults } = wireWorker({
    name: audience,
    config,
    timer: requestTimer,
    ...bindings,
  });
  const verifyInternalToken = internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience, now });
  return { shared: { verifyInternalToken, logger, now }, makeGuard, faults };
}
