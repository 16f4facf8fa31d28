import { createGateway, type GatewayDeps } from "../../../src/gateway/app.ts";
import { accessTokenAuthenticator } from "../../../src/platform/trust/authenticate.ts";
import { ClientLimits } from "../../../src/gateway/client-limits.ts";
import { limitPolicies } from "../../../src/gateway/limit-policies.ts";
import { socketTickets } from "../../../src/gateway/tickets.ts";
import { ofEachUpstream } from "../../../src/contracts/internal-request.ts";
import { ROUTES } from "../../../src/gateway/routes.ts";
import { TrustStore } from "../../../src/platform/trust/trust-store.ts";
import type { TrustSnapshot } from "../../../src/contracts/identity.ts";
import { internalTokenMinter } from "../../../src/platform/bff/internal-token.ts";
import type { Logger } from "../../../src/platform/logger.ts";
import { testKey } from "./ed25519.ts";
import { MemoryWindows } from "./memory-windows.ts";
import { testGuard } from "./test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

type Upstream = (request: Request) => Response | Promise<Response>;

interface FakeIdentity {
  snapshot: TrustSnapshot;
  pulls: number;
  failing: boolean;
  /** With what. */
  failure: Error;
  hanging: boolean;
  /** What an answer waits for on its way, after it was read. */
  before: Promise<void> | null;
}

/** A gateway over fake BFFs and a fake identity, with everything a test may want to look at. */
export async function testGateway(
  upstream: Upstream = () => Response.json({ ok: true }),
  more: Partial<GatewayDeps> = {},
) {
  const clock = new VirtualTime();
  const identityKey = await testKey("identity-1");
  const gatewayKey = await testKey("gateway-1");
  const lines: { level: string; event: string; [field: string]: unknown }[] = [];
  const forwarded: Request[] = [];
  const identity: FakeIdentity = {
    snapshot: snapshotOf([identityKey.publicJwk]),
    pulls: 0,
    failing: false,
    failure: new Error("identity is away"),
    hanging: false,
    before: null,
  };
  const log =
    (level: string): Logger["info"] =>
    (event, fields) =>
      void lines.push({ level, event, ...fields });
  const trust = new TrustStore({
    pull: async () => {
      identity.pulls += 1;
      if (identity.failing) throw identity.failure;
      if (identity.hanging) await new Promise(() => undefined);
      const { snapshot } = identity;
      await identity.before;
      return snapshot;
    },
    now: clock.now,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    onFailure: () => undefined,
  });
  const bff = {
    fetch: async (request: Request) => {
      forwarded.push(request);
      return upstream(request);
    },
  };
  const background: Promise<unknown>[] = [];
  const inBackground = (work: Promise<unknown>): void => void background.push(work);
  const windows = new MemoryWindows(clock.now);
  const logger: Logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const limits = new ClientLimits({
    windowOf: windows.windowOf,
    guard: testGuard({ now: clock.now, upstream: "rate-window" }),
    scale: 1,
    now: clock.now,
    random: () => 0,
    background: inBackground,
    logger,
  });
  const trustDeps = { trust, now: clock.now, background: inBackground };
  const guard = (upstream: string) => testGuard({ now: clock.now, upstream });
  const gateway = createGateway({
    routes: ROUTES,
    upstreams: ofEachUpstream(() => bff),
    guards: ofEachUpstream(guard),
    readyGuards: ofEachUpstream((name) => guard(`${name}-ready`)),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    authenticate: accessTokenAuthenticator(trustDeps),
    tickets: socketTickets(gatewayKey.privateJwk, trustDeps),
    limits,
    policies: limitPolicies({}),
    trust,
    mintInternalToken: internalTokenMinter(gatewayKey.privateJwk, clock.now),
    takesContinent: false,
    corsOrigins: ["https://app.example.com"],
    logger,
    logSample: 1,
    now: clock.now,
    ...more,
  });
  const ctx = { waitUntil: inBackground, passThroughOnException: () => undefined, props: {} };
  const send = (request: Request): Promise<Response> =>
    gateway(request, {}, ctx as unknown as ExecutionContext);
  const call = (path: string, init: RequestInit = {}): Promise<Response> =>
    send(new Request(`https://api.example.com${path}`, init));
  return { call, send, clock, identityKey, gatewayKey, identity, lines, forwarded, background, windows };
}

export function snapshotOf(
  keys: TrustSnapshot["keys"],
  revoked: readonly string[] = [],
  revokedAtMs = 1_700_000_000_000,
): TrustSnapshot {
  return {
    keys,
    revoked: revoked.map((sessionId) => ({ sessionId, revokedAtMs })),
    nextSinceMs: 0,
    more: false,
  };
}
