import { Hono, type Context } from "hono";
import { cors } from "hono/cors";
import { getPath } from "hono/utils/url";
import { CodedError } from "../contracts/errors.ts";
import { mayDo } from "../contracts/permissions.ts";
import { prepareEveryResponse, type EveryResponse } from "../platform/http/every-response.ts";
import { allowedOrigins } from "./allowed-origins.ts";
import type { Authenticate } from "../platform/trust/authenticate.ts";
import type { Denial } from "./client-limits.ts";
import { countRequest, type CountDeps } from "./count-request.ts";
import { forwarder, isForwarded, type ForwardDeps } from "./forward.ts";
import { methodNotAllowed, withHead } from "./method-not-allowed.ts";
import { addOwnRoutes, type OwnRoutesDeps } from "./own-routes.ts";
import { weightAtStart } from "./log-weight.ts";
import { problemIn } from "./problem-in.ts";
import { readBody, type RequestBody } from "./read-body.ts";
import { logRequest, type RequestLineDeps } from "./request-line.ts";
import { openScope, timeoutOf, type GatewayScope } from "./request-scope.ts";
import { METHODS, type Route } from "./routes.ts";
import { answerTicket } from "./answer-ticket.ts";
import type { Tickets } from "./tickets.ts";
import { isUpgrade, takeTicket, upgradeRequired } from "./upgrade.ts";

/** The Hono environment of the gateway: each request's scope is under `c.env.scope`. */
export interface GatewayHonoEnv {
  Bindings: { readonly scope: GatewayScope };
}

export interface GatewayDeps extends ForwardDeps, OwnRoutesDeps, CountDeps, RequestLineDeps {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  readonly tickets: Tickets;
  readonly corsOrigins: readonly string[];
}

type FetchHandler = (request: Request, env: unknown, ctx: ExecutionContext) => Promise<Response>;

const PREFLIGHT_MAX_AGE_S = 600;
const ALLOWED_HEADERS = [
  "Authorization",
  "Content-Type",
  "Idempotency-Key",
  "X-Client-Kind",
  "X-Request-Id",
  "X-Request-Timeout-Ms",
  "traceparent",
  "tracestate",
];
const EXPOSED_HEADERS = [
  "X-Request-Id",
  "traceparent",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "X-No-Retry",
  "WWW-Authenticate",
];
/**
 * The part of a route's time that a client may take to send the body. As much lies between a
 * route's time and what its BFF grants a call (call-timeouts.ts): beyond it, upstreams get less
 * than they are meant to, and are not to blame for that.
 */
const SENDING_SHARE = 0.1;
/** What telling somebody that there is no such method may take, in ms. */
const METHOD_REFUSAL_MS = 1_000;

/**
 * The gateway as a fetch handler. Around everything: the scope, the headers of every response and
 * the log line. Inside, Hono finds the route and each request passes the chain of
 * {@link routeHandler}.
 */
export function createGateway(deps: GatewayDeps): FetchHandler {
  const app = createApp(deps);
  const crossOrigin = allowOrigins(app, deps.corsOrigins);
  let every: EveryResponse | null = null;
  return async function gateway(request, _env, ctx) {
    const scope = openScope(request, deps.now());
    every ??= await prepareEveryResponse();
    // What CORS says means nothing to sockets, and it would make another answer of theirs.
    const handler = request.headers.has("origin") && !isUpgrade(request) ? crossOrigin : app;
    const answer =
      scope.url === null
        ? problemIn(scope, new CodedError("MALFORMED", "Host and path make no URL"))
        : await handler.fetch(request, { scope }, ctx);
    const response = every.complete(answer, scope);
    logRequest(deps, request, response.status, scope);
    return response;
  };
}

/**
 * The same app for requests of browsers from other origins. Apart, since players send no origin and
 * a middleware costs each of their heartbeats.
 */
function allowOrigins(app: Hono<GatewayHonoEnv>, origins: readonly string[]): Hono<GatewayHonoEnv> {
  const crossOrigin = new Hono<GatewayHonoEnv>({ getPath: routedPath });
  crossOrigin.use(
    cors({
      origin: allowedOrigins(origins),
      allowMethods: withHead(METHODS),
      allowHeaders: ALLOWED_HEADERS,
      exposeHeaders: EXPOSED_HEADERS,
      maxAge: PREFLIGHT_MAX_AGE_S,
    }),
  );
  crossOrigin.all("*", async (c) => withoutVary(await app.fetch(c.req.raw, c.env, c.executionCtx)));
  return crossOrigin;
}

/** The answer without what the middleware above is about to say. */
function withoutVary(response: Response): Response {
  const bare = new Response(response.body, response);
  bare.headers.delete("vary");
  return bare;
}

/**
 * The path as it was normalised, decoded as a BFF's router will: what is allowed here must be what
 * is done there.
 */
function routedPath(request: Request, options?: { readonly env?: GatewayHonoEnv["Bindings"] }): string {
  return getPath({ url: options?.env?.scope.url ?? request.url } as Request);
}

function createApp(deps: GatewayDeps): Hono<GatewayHonoEnv> {
  const app = new Hono<GatewayHonoEnv>({ getPath: routedPath });
  addOwnRoutes(app, deps);
  for (const [path, routes] of Map.groupBy(deps.routes, (route) => route.path))
    app.all(path, routeHandler(deps, routes));
  app.notFound((c) => problemIn(c.env.scope, new CodedError("NOT_FOUND", "No such route")));
  app.onError((error, c) => problemIn(c.env.scope, error));
  return app;
}

/**
 * The chain every routed request passes, in this order. What it lets through has a user, a quota, a
 * permission, a whole body that fits and a time limit.
 */
function routeHandler(
  deps: GatewayDeps,
  routes: readonly Route[],
): (c: Context<GatewayHonoEnv>) => Promise<Response> {
  const forward = forwarder(deps);
  const byMethod = new Map<string, Route>(
    routes.flatMap((route) => route.methods.map((method) => [method, route] as const)),
  );
  const allowed = [...byMethod.keys()];

  return async function handleRoute(c) {
    const { scope } = c.env;
    const request = c.req.raw;
    const route = byMethod.get(request.method === "HEAD" ? "GET" : request.method);
    if (route === undefined) return refuseMethod(deps, c, allowed);
    scope.route = route;
    scope.logWeight = weightAtStart(route, scope.traceparent, deps.logSample);
    const badHint = giveTime(scope, request.headers, route.timeoutMs);
    // 1. Who is it?
    const unidentified = route.permission === null ? null : await identify(deps, c, route);
    // 2. Is something left of their quota?
    const counted = countRequest(deps, scope, request.headers, route);
    const denial = counted instanceof Promise ? await counted : counted;
    if (denial !== null) return refuse(scope, denial);
    if (unidentified !== null) throw unidentified;
    if (badHint !== null) throw badHint;
    // 3. May they?
    if (route.permission !== null && !mayDo(scope.principal?.roles ?? [], route.permission)) {
      throw new CodedError("FORBIDDEN", "Your role does not allow this", {
        tokenFault: "insufficient_scope",
      });
    }
    if (route.isUpgrade === true && !isUpgrade(request)) return upgradeRequired(scope);
    // 4. Is the body one that may travel on?
    const hasNoBody = request.method === "GET" || request.method === "HEAD";
    const body = hasNoBody ? null : await takeBody(deps, c, route);
    if (!isForwarded(route)) return answerTicket(deps.tickets, scope);
    // 5. On to the upstream through its guard: overload protection, breaker, retries, and the time
    //    that is left.
    return forward(request, body, route, scope);
  };
}

/**
 * Sets the request's deadline. The error of a hint that can't be read is thrown later, once the
 * request is counted; until then the route's time holds.
 */
function giveTime(scope: GatewayScope, headers: Headers, routeTimeoutMs: number): unknown {
  let timeoutMs = routeTimeoutMs;
  let badHint: unknown = null;
  try {
    timeoutMs = timeoutOf(headers, routeTimeoutMs);
  } catch (error) {
    badHint = error;
  }
  scope.deadlineAtMs = scope.startedAtMs + timeoutMs;
  scope.isHurried = timeoutMs < routeTimeoutMs;
  return badHint;
}

/**
 * A method that the path doesn't have counts like any other request of its sender: asking is as
 * dear.
 */
async function refuseMethod(
  deps: GatewayDeps,
  c: Context<GatewayHonoEnv>,
  allowed: readonly string[],
): Promise<Response> {
  const { scope } = c.env;
  scope.deadlineAtMs = scope.startedAtMs + METHOD_REFUSAL_MS;
  const authorization = c.req.raw.headers.get("authorization");
  // A caller with a bad token is anonymous; what is wrong with this request is still its method.
  if (authorization !== null)
    scope.principal = await deps.authenticate(authorization, scope.deadlineAtMs, c.req.raw).catch(() => null);
  const denial = await countRequest(deps, scope, c.req.raw.headers);
  return denial === null ? methodNotAllowed(scope, allowed) : refuse(scope, denial);
}

/**
 * The body, whole. A client that takes long to send it leaves the upstreams less time than they are
 * granted.
 */
async function takeBody(
  { now }: GatewayDeps,
  c: Context<GatewayHonoEnv>,
  route: Route,
): Promise<RequestBody> {
  const { scope } = c.env;
  const beganAtMs = now();
  try {
    return await readBody(c.req.raw, {
      bytesMax: route.bodyBytesMax,
      leftMs: Math.max(0, scope.deadlineAtMs - beganAtMs),
      takesBytes: route.takesBytes === true,
    });
  } finally {
    if (now() - beganAtMs > route.timeoutMs * SENDING_SHARE) scope.isHurried = true;
  }
}

/**
 * Sets the scope's principal, or answers why nobody can be made out: such a caller is anonymous and
 * counts against their address, and is told by whoever has counted the request.
 */
async function identify(
  deps: GatewayDeps,
  c: Context<GatewayHonoEnv>,
  { takesTicket = false }: Route,
): Promise<unknown> {
  const { scope } = c.env;
  try {
    const request = c.req.raw;
    const authorization = request.headers.get("authorization");
    const ticket = takesTicket ? takeTicket(scope) : null;
    if (ticket !== null) {
      // RFC 6750, 2: by one way only.
      if (authorization !== null) throw new CodedError("MALFORMED", "Come with a ticket or Authorization");
      scope.principal = await deps.tickets.take(ticket, scope.deadlineAtMs, request);
      return null;
    }
    scope.principal = await deps.authenticate(authorization, scope.deadlineAtMs, request);
    return null;
  } catch (error) {
    return error;
  }
}

/** The answer to a client who has used up their quota. */
function refuse(scope: GatewayScope, { retryAfterMs }: Denial): Response {
  return problemIn(
    scope,
    new CodedError("RATE_LIMITED", "Too many requests: see Retry-After", { retryAfterMs }),
  );
}
