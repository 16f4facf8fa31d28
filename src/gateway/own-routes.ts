import type { Context, Hono } from "hono";
import { CodedError } from "../contracts/errors.ts";
import { UPSTREAM_NAMES } from "../contracts/internal-request.ts";
import { PLAYHEAD_VERSION } from "../contracts/version.ts";
import { methodNotAllowed } from "./method-not-allowed.ts";
import { problemIn } from "./problem-in.ts";
import { Readiness, type ReadinessDeps } from "./readiness.ts";
import type { GatewayHonoEnv } from "./request-scope.ts";
import type { TrustStore } from "../platform/trust/trust-store.ts";

export interface OwnRoutesDeps extends ReadinessDeps {
  readonly trust: TrustStore;
}

/**
 * Below the time that a new key waits before it signs: no verifier that keeps to it meets a key it
 * can't know.
 */
const JWKS_MAX_AGE_S = 10;

const ABOUT = {
  name: "playhead",
  version: PLAYHEAD_VERSION,
  what: "The backend of a media app: accounts, a watch history that loses no heartbeat, and money that moves once",
  links: {
    health: "/healthz",
    ready: "/readyz",
    keys: "/.well-known/jwks.json",
    register: "/v1/account/register",
    history: "/v1/history",
    wallet: "/v1/wallet",
  },
} as const;

/** Where the gateway answers itself. */
export const OWN_PATHS = ["/", "/healthz", "/readyz", "/.well-known/jwks.json"] as const;

type OwnHandler = (c: Context<GatewayHonoEnv>) => Response | Promise<Response>;

/**
 * What the gateway answers itself: who it is, whether it lives, whether all behind it do, and whose
 * tokens it takes. All of it is there to be read, and nothing else.
 */
export function addOwnRoutes(app: Hono<GatewayHonoEnv>, deps: OwnRoutesDeps): void {
  const handlers: Readonly<Record<(typeof OWN_PATHS)[number], OwnHandler>> = {
    "/": (c) => c.json(ABOUT),
    "/healthz": (c) => c.json({ status: "ok" }),
    "/readyz": readiness(deps),
    "/.well-known/jwks.json": publicKeys(deps),
  };
  for (const path of OWN_PATHS) {
    app.get(path, handlers[path]);
    app.all(path, (c) => methodNotAllowed(c.env.scope, ["GET"]));
  }
}

function readiness(deps: ReadinessDeps): OwnHandler {
  const known = new Readiness(deps);
  return async function ready(c) {
    const { scope } = c.env;
    const states = await known.states(scope, (work) => c.executionCtx.waitUntil(work));
    const failed = UPSTREAM_NAMES.filter((name) => states[name] !== "ok");
    if (failed.length === 0) return c.json({ status: "ready", upstreams: states });
    const isAtCap = failed.some((name) => states[name] === "spending_cap");
    const code = isAtCap ? "SPENDING_CAP" : "UNAVAILABLE";
    const error = new CodedError(code, `Not ready: ${failed.join(", ")}`, { retryAfterMs: 1_000 });
    return problemIn(scope, error, { extra: { upstreams: states } });
  };
}

function publicKeys({ trust }: OwnRoutesDeps): OwnHandler {
  return async function jwks(c) {
    await trust.ensureFresh((work) => c.executionCtx.waitUntil(work), c.req.raw);
    if (trust.keys.length === 0) throw trust.notToBeHad("The keys cannot be had yet");
    return c.json({ keys: trust.keys }, 200, { "cache-control": `public, max-age=${JWKS_MAX_AGE_S}` });
  };
}
