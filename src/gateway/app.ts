import { Hono, type Context } from "hono";
import { cors } from "hono/cors";
import { CodedError, codeOf, describeCauses, ERROR_CATALOGUE, isCode, isRefusal } from "../contracts/errors.ts";
import type { QuotaHeaders } from "../contracts/internal-request.ts";
import { mayDo } from "../contracts/permissions.ts";
import { prepareEveryResponse, type EveryResponse } from "../platform/every-response.ts";
import type { Logger } from "../platform/logger.ts";
import { problemResponse } from "../platform/problem.ts";
import type { Clock } from "../resilience/clock.ts";
import { admitBody } from "./admit-body.ts";
import { allowedOrigins } from "./allowed-origins.ts";
import type { Authenticate } from "./authenticate.ts";
import { clientKeyOf } from "./client-key.ts";
import { DeniedError, type ClientLimits } from "./client-limits.ts";
import { forwarder, type ForwardDeps } from "./forward.ts";
import type { LimitPolicies, LimitPolicyName } from "./limit-policies.ts";
import { addOwnRoutes } from "./own-routes.ts";
import { openScope, timeoutOf, type GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";
import type { TrustStore } from "./trust-store.ts";

/** The Hono environment of the gateway: each request's scope is under `c.env.scope`. */
export interface GatewayHonoEnv {
  Bindings: { readonly scope: GatewayScope };
}

export interface GatewayDeps extends ForwardDeps {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  readonly trust: TrustStore;
  readonly limits: Pick<ClientLimits, "admit">;
  readonly policies: LimitPolicies;
  readonly corsOrigins: readonly string[];
  readonly logger: Logger;
  readonly now: Clock;
}

type FetchHandler = (request: Request, env: unknown, ctx: ExecutionContext) => Promise<Response>;

const PREFLIGHT_MAX_AGE_S = 600;
const ALLOWED_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id", "X-Request-Timeout-Ms", "traceparent"];
const EXPOSED_HEADERS = ["X-Request-Id", "traceparent", "RateLimit", "RateLimit-Policy", "Retry-After", "X-No-Retry", "WWW-Authenticate"];

/**
 * The gateway as a fetch handler. Around everything: the scope, the headers of every response and one log line. Inside, Hono finds
 * the route and each request passes the chain of {@link routeHandler}.
 */
export function createGateway(deps: GatewayDeps): FetchHandler {
  const app = createApp(deps);
  const crossOrigin = allowOrigins(app, deps.corsOrigins);
  let every: EveryResponse | null = null;
  return async function gateway(request, _env, ctx) {
    const scope = openScope(request.headers, deps.now());
    every ??= await prepareEveryResponse();
    const handler = request.headers.has("origin") ? crossOrigin : app;
    const response = every.complete(await handler.fetch(request, { scope }, ctx), scope);
    logRequest(deps, request, response.status, scope);
    return response;
  };
}

/** The same app for requests of browsers from other origins. Apart, since players send no origin and a middleware costs each of their heartbeats. */
function allowOrigins(app: Hono<GatewayHonoEnv>, origins: readonly string[]): Hono<GatewayHonoEnv> {
  const crossOrigin = new Hono<GatewayHonoEnv>();
  crossOrigin.use(
    cors({
      origin: allowedOrigins(origins),
      allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
      allowHeaders: ALLOWED_HEADERS,
      exposeHeaders: EXPOSED_HEADERS,
      maxAge: PREFLIGHT_MAX_AGE_S,
    }),
  );
  crossOrigin.all("*", (c) => app.fetch(c.req.raw, c.env, c.executionCtx));
  return crossOrigin;
}

function createApp(deps: GatewayDeps): Hono<GatewayHonoEnv> {
  const app = new Hono<GatewayHonoEnv>();
  addOwnRoutes(app, deps);
  for (const [path, routes] of Map.groupBy(deps.routes, (route) => route.path)) app.all(path, routeHandler(deps, routes));
  for (const path of ["/", "/healthz", "/readyz", "/.well-known/jwks.json"]) app.all(path, (c) => methodNotAllowed(c, ["GET"]));
  app.notFound((c) => problem(c, new CodedError("NOT_FOUND", "No such route")));
  app.onError((error, c) => problem(c, error));
  return app;
}

/** The chain every routed request passes, in this order. What it lets through has a user, a quota, a permission, a fitting body and a time limit. */
function routeHandler(deps: GatewayDeps, routes: readonly Route[]): (c: Context<GatewayHonoEnv>) => Promise<Response> {
  const forward = forwarder(deps);
  const admit = admitBody();
  const byMethod = new Map<string, Route>(routes.flatMap((route) => route.methods.map((method) => [method, route] as const)));
  const allowed = [...byMethod.keys()];

  return async function handleRoute(c) {
    const { scope } = c.env;
    const request = c.req.raw;
    const route = byMethod.get(request.method === "HEAD" ? "GET" : request.method);
    if (route === undefined) return methodNotAllowed(c, allowed);
    scope.routePath = route.path;
    const timeoutMs = timeoutOf(request.headers, route.timeoutMs);
    scope.deadlineAtMs = scope.startedAtMs + timeoutMs;
    scope.isHurried = timeoutMs < route.timeoutMs;
    // 1. Who is it?
    if (route.permission !== null) await identify(deps, c);
    // 2. Is something left of their quota?
    const quota = count(deps, c, scope.principal === null && route.limit === "default" ? "anonymous" : route.limit);
    if (quota !== undefined) await quota;
    // 3. May they?
    if (route.permission !== null && !mayDo(scope.principal?.roles ?? [], route.permission)) {
      throw new CodedError("FORBIDDEN", "Your role does not allow this", { tokenFault: "insufficient_scope" });
    }
    // 4. Is the body one that may travel on?
    await admit(c, route.bodyBytesMax);
    // 5. On to the BFF through its guard: overload protection, breaker, retries, and the time that is left.
    return forward(c.req.raw, route, scope);
  };
}

/** Sets the scope's principal. A caller whose token is no good is nobody, and counts as one of their address. */
async function identify(deps: GatewayDeps, c: Context<GatewayHonoEnv>): Promise<void> {
  const { scope } = c.env;
  try {
    scope.principal = await deps.authenticate(c.req.raw.headers.get("authorization"), scope.deadlineAtMs);
  } catch (error) {
    if (isCode(error, "UNAUTHENTICATED")) await count(deps, c, "anonymous");
    throw error;
  }
}

/** Counts the request against its client's quota. Throws `RATE_LIMITED`. Mostly there is nothing to wait for. */
function count(deps: GatewayDeps, c: Context<GatewayHonoEnv>, name: LimitPolicyName): Promise<void> | undefined {
  const { scope } = c.env;
  const note = (quota: QuotaHeaders): void => void (scope.quota = quota);
  const refuse = (error: unknown): never => {
    if (error instanceof DeniedError) scope.quota = error.quota;
    throw error;
  };
  try {
    const policy = deps.policies[name];
    const admitted = deps.limits.admit(policy, clientKeyOf(scope.principal, c.req.raw.headers, policy.isOfSession), scope);
    if (admitted instanceof Promise) return admitted.then(note, refuse);
    scope.quota = admitted;
    return undefined;
  } catch (error) {
    return refuse(error);
  }
}

function methodNotAllowed(c: Context<GatewayHonoEnv>, methods: readonly string[]): Response {
  const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].join(", ");
  return problem(c, new CodedError("METHOD_NOT_ALLOWED", `Allowed here: ${allow}`), { allow });
}

function problem(c: Context<GatewayHonoEnv>, error: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const { scope } = c.env;
  scope.failure = error;
  return problemResponse(error, { requestId: scope.requestId, instance: c.req.path, headers });
}

/** One line a request. An error of the gateway's own making is told here and nowhere else; a BFF has told its own. */
function logRequest({ logger, now }: GatewayDeps, request: Request, status: number, scope: GatewayScope): void {
  const isOurFault = scope.failure !== null && ERROR_CATALOGUE[codeOf(scope.failure)].status >= 500;
  // A refusal is no fault, and under overload there are thousands of them in a second.
  const level = isOurFault && !isRefusal(codeOf(scope.failure)) ? "error" : "info";
  logger[level]("request", {
    method: request.method,
    route: scope.routePath ?? undefined,
    path: scope.routePath === null ? new URL(request.url).pathname.slice(0, 200) : undefined,
    status,
    ms: now() - scope.startedAtMs,
    requestId: scope.requestId,
    traceId: scope.traceparent.slice(3, 35),
    userId: scope.principal?.userId,
    code: scope.failure === null ? undefined : codeOf(scope.failure),
    causes: isOurFault ? describeCauses(scope.failure) : undefined,
  });
}
