import type { Hono } from "hono";
import { CodedError } from "../contracts/errors.ts";
import { BFF_NAMES, READY_PATH, REQUEST_ID_HEADER, TRACEPARENT_HEADER, type BffName } from "../contracts/internal-request.ts";
import { PLAYHEAD_VERSION } from "../contracts/version.ts";
import { problemResponse } from "../platform/problem.ts";
import { CALL_QUOTA_MS } from "../platform/call-quotas.ts";
import type { Clock } from "../resilience/clock.ts";
import { TaskGroup } from "../resilience/task-group.ts";
import type { ForwardDeps } from "./forward.ts";
import type { GatewayHonoEnv } from "./app.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { TrustStore } from "./trust-store.ts";

interface OwnRoutesDeps extends Pick<ForwardDeps, "upstreams" | "guards"> {
  readonly trust: TrustStore;
  readonly now: Clock;
}

/** Below the time that a new key waits before it signs: no verifier that keeps to it meets a key it can't know. */
const JWKS_MAX_AGE_S = 10;

/** What the gateway answers itself: who it is, whether it lives, whether all behind it do, and whose tokens it takes. */
export function addOwnRoutes(app: Hono<GatewayHonoEnv>, deps: OwnRoutesDeps): void {
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
    const states = await checkUpstreams(deps, c.env.scope);
    const failed = BFF_NAMES.filter((name) => states[name] !== "ok");
    if (failed.length === 0) return c.json({ status: "ready", upstreams: states });
    const error = new CodedError("UNAVAILABLE", `Not ready: ${failed.join(", ")}`, { retryAfterMs: 1_000 });
    c.env.scope.failure = error;
    return problemResponse(error, { requestId: c.env.scope.requestId, instance: c.env.scope.path, extra: { upstreams: states } });
  });

  app.get("/.well-known/jwks.json", async function jwks(c) {
    const { trust } = deps;
    await trust.ensureFresh((work) => c.executionCtx.waitUntil(work));
    if (trust.keys.length === 0) throw new CodedError("UNAVAILABLE", "The keys cannot be had yet", { retryAfterMs: 1_000 });
    return c.json({ keys: trust.keys }, 200, { "cache-control": `public, max-age=${JWKS_MAX_AGE_S}` });
  });
}

/** Asks all BFFs at once, each through its guard. A child that fails says so in the result rather than ending the others: the answer names every culprit. */
async function checkUpstreams({ upstreams, guards, now }: OwnRoutesDeps, scope: GatewayScope): Promise<Record<BffName, "ok" | "failed">> {
  const states: Record<BffName, "ok" | "failed"> = { account: "failed", app: "failed", ops: "failed" };
  const headers = { [REQUEST_ID_HEADER]: scope.requestId, [TRACEPARENT_HEADER]: scope.traceparent };
  const plan = {
    kind: "read",
    idempotent: false,
    criticality: "critical_plus",
    quotaMs: CALL_QUOTA_MS.readyCall,
    deadlineAtMs: now() + CALL_QUOTA_MS.readyAnswer,
  } as const;
  const group = new TaskGroup();
  for (const name of BFF_NAMES) {
    group.go(async () => {
      try {
        const response = await guards[name].call(`ask the ${name} BFF whether it is ready`, plan, () =>
          upstreams[name].fetch(new Request(`http://${name}${READY_PATH}`, { headers })),
        );
        await response.body?.cancel();
        if (response.ok) states[name] = "ok";
      } catch {
        // Stays "failed"; the BFF has logged why, or could not be reached at all.
      }
    });
  }
  await group.wait();
  return states;
}
