import type { Hono } from "hono";
import { CodedError } from "../contracts/errors.ts";
import { BFF_NAMES } from "../contracts/internal-request.ts";
import { PLAYHEAD_VERSION } from "../contracts/version.ts";
import { problemResponse } from "../platform/problem.ts";
import { Readiness, type ReadinessDeps } from "./readiness.ts";
import type { GatewayHonoEnv } from "./request-scope.ts";
import type { TrustStore } from "./trust-store.ts";

export interface OwnRoutesDeps extends ReadinessDeps {
  readonly trust: TrustStore;
}

/**
 * Below the time that a new key waits before it signs: no verifier that keeps to it meets a key it
 * can't know.
 */
const JWKS_MAX_AGE_S = 10;

/**
 * What the gateway answers itself: who it is, whether it lives, whether all behind it do, and whose
 * tokens it takes.
 */
export function addOwnRoutes(app: Hono<GatewayHonoEnv>, deps: OwnRoutesDeps): void {
  const readiness = new Readiness(deps);

  app.get("/", (c) =>
    c.json({
      name: "playhead",
      version: PLAYHEAD_VERSION,
      what: "The backend of a media app: accounts, and a watch history that loses no heartbeat",
      links: {
        health: "/healthz",
        ready: "/readyz",
        keys: "/.well-known/jwks.json",
        register: "/v1/account/register",
        history: "/v1/history",
      },
    }),
  );

  app.get("/healthz", (c) => c.json({ status: "ok" }));

  app.get("/readyz", async function ready(c) {
    const states = await readiness.states(c.env.scope, (work) => c.executionCtx.waitUntil(work));
    const failed = BFF_NAMES.filter((name) => states[name] !== "ok");
    if (failed.length === 0) return c.json({ status: "ready", upstreams: states });
    const error = new CodedError("UNAVAILABLE", `Not ready: ${failed.join(", ")}`, { retryAfterMs: 1_000 });
    c.env.scope.failure = error;
    return problemResponse(error, {
      requestId: c.env.scope.requestId,
      instance: c.env.scope.path,
      extra: { upstreams: states },
    });
  });

  app.get("/.well-known/jwks.json", async function jwks(c) {
    const { trust } = deps;
    await trust.ensureFresh((work) => c.executionCtx.waitUntil(work));
    if (trust.keys.length === 0)
      throw new CodedError("UNAVAILABLE", "The keys cannot be had yet", { retryAfterMs: 1_000 });
    return c.json({ keys: trust.keys }, 200, { "cache-control": `public, max-age=${JWKS_MAX_AGE_S}` });
  });
}
