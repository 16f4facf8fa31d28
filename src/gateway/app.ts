import { Hono, type Context } from "hono";
import { cors } from "hono/cors";
import { getPath } from "hono/utils/url";
import { CodedError, codeOf, describeCauses, ERROR_CATALOGUE, isRefusal } from "../contracts/errors.ts";
import type { QuotaHeaders } from "../contracts/internal-request.ts";
import { mayDo } from "../contracts/permissions.ts";
import { prepareEveryResponse, type EveryResponse } from "../platform/every-response.ts";
import type { Logger } from "../platform/logger.ts";
import { problemResponse } from "../platform/problem.ts";
import type { Clock } from "../resilience/clock.ts";
import { allowedOrigins } from "./allowed-origins.ts";
import type { Authenticate } from "./authenticate.ts";
import { clientKeyOf, networkKeyOf } from "./client-key.ts";
import { DeniedError, type ClientLimits } from "./client-limits.ts";
import { forwarder, type ForwardDeps } from "./forward.ts";
import type { LimitPolicies, LimitPolicy, LimitPolicyName } from "./limit-policies.ts";
import { addOwnRoutes, type OwnRoutesDeps } from "./own-routes.ts";
import { readBody } from "./read-body.ts";
import { openScope, timeoutOf, type GatewayHonoEnv, type GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

export interface GatewayDeps extends ForwardDeps, OwnRoutesDeps {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  readonly limits: Pick<ClientLimits, "admit">;
  readonly policies: LimitPolicies;
  readonly corsOrigins: readonly string[];
  readonly logger: Logger;
  readonly now: Clock;
}

type FetchHandler = (request: Request, env: unknown, ctx: ExecutionContext) => Promise<Response>;

const PREFLIGHT_MAX_AGE_S = 600;
const ALLOWED_HEADERS = [
  "Authorization",
  "Content-Type",
  "Idempotency-Key",
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
 * route's time and what its BFF grants a call (call-quotas.ts): beyond it, upstreams get less than
 * they are meant to, and are not to blame for that.
 */
const SENDING_SHARE = 0.1;
/** What telling somebody that there is no such method may take, in ms. */
const METHOD_REFUSAL_MS = 1_000;

/**
 * The gateway as a fetch handler. Around everything: the scope, the headers of every response and
 * one log line. Inside, Hono finds the route and each request passes the chain of
 * {@link routeHandler}.
 */
export function createGateway(deps: GatewayDeps): FetchHandler {
  const app = createApp(deps);
  const crossOrigin = allowOrigins(app, deps.corsOrigins);
  let every: EveryResponse | null = null;
  return async function gateway(request, _env, ctx) {
    const scope = openScope(request, deps.now());
    every ??= await prepareEveryResponse();
    const handler = request.headers.has("origin") ? crossOrigin : app;
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
      allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
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
  for (const path of ["/", "/healthz", "/readyz", "/.well-known/jwks.json"])
    app.all(path, (c) => methodNotAllowed(c, ["GET"]));
  app.notFound((c) => problem(c, new CodedError("NOT_FOUND", "No such route")));
  app.onError((error, c) => problem(c, error));
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
    scope.routePath = route.path;
    const badHint = giveTime(scope, request.headers, route.timeoutMs);
    // 1. Who is it?
    if (route.permission !== null) await identify(deps, c);
    // 2. Is something left of their quota?
    const quota = count(
      deps,
      c,
      scope.principal === null && route.limit === "default" ? "anonymous" : route.limit,
    );
    if (quota !== undefined) await quota;
    if (badHint !== null) throw badHint;
    // 3. May they?
    if (route.permission !== null && !mayDo(scope.principal?.roles ?? [], route.permission)) {
      throw new CodedError("FORBIDDEN", "Your role does not allow this", {
        tokenFault: "insufficient_scope",
      });
    }
    // 4. Is the body one that may travel on?
    const body = await takeBody(deps, c, route);
    // 5. On to the BFF through its guard: overload protection, breaker, retries, and the time that
    //    is left.
    return forward(request, body, route, scope);
  };
}

/**
 * Sets until when the answer may take. A hint that can't be read is told by whoever has counted the
 * request; until then the route's time holds.
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
  // Whoever can't be made out is nobody, which is no reason to say anything else than what is
  // wrong.
  if (authorization !== null)
    scope.principal = await deps.authenticate(authorization, scope.deadlineAtMs).catch(() => null);
  await count(deps, c, scope.principal === null ? "anonymous" : "default");
  return methodNotAllowed(c, allowed);
}

/**
 * The body, whole. Who takes long to send it leaves less for the upstreams than they are granted.
 */
async function takeBody(
  { now }: GatewayDeps,
  c: Context<GatewayHonoEnv>,
  route: Route,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const { scope } = c.env;
  const beganAtMs = now();
  try {
    return await readBody(c.req.raw, {
      bytesMax: route.bodyBytesMax,
      leftMs: Math.max(0, scope.deadlineAtMs - beganAtMs),
    });
  } finally {
    if (now() - beganAtMs > route.timeoutMs * SENDING_SHARE) scope.isHurried = true;
  }
}

/** Sets the scope's principal. A caller whom nobody can make out counts as one of their address. */
async function identify(deps: GatewayDeps, c: Context<GatewayHonoEnv>): Promise<void> {
  const { scope } = c.env;
  try {
    scope.principal = await deps.authenticate(c.req.raw.headers.get("authorization"), scope.deadlineAtMs);
  } catch (error) {
    await count(deps, c, "anonymous");
    throw error;
  }
}

/**
 * Counts the request against its client's quota, and where nobody is signed in against its
 * network's. Throws `RATE_LIMITED`. Mostly there is nothing to wait for.
 */
function count(
  deps: GatewayDeps,
  c: Context<GatewayHonoEnv>,
  name: LimitPolicyName,
): Promise<void> | undefined {
  const { scope } = c.env;
  const { headers } = c.req.raw;
  const policy = deps.policies[name];
  const network = scope.principal === null && policy.network !== undefined ? networkKeyOf(headers) : null;
  // The client's first: one that has used up its own would else use up its neighbours' as well.
  const counted = countOne(deps, scope, policy, clientKeyOf(scope.principal, headers, policy.isOfSession));
  if (network === null || policy.network === undefined) return counted;
  const networkPolicy = policy.network;
  const countNetwork = (): Promise<void> | undefined => {
    const { quota } = scope;
    const admitted = countOne(deps, scope, networkPolicy, network);
    // What is told is the client's own, unless it is the network that has nothing left.
    if (admitted !== undefined) return admitted.then(() => void (scope.quota = quota));
    scope.quota = quota;
    return undefined;
  };
  return counted === undefined ? countNetwork() : counted.then(countNetwork);
}

function countOne(
  deps: GatewayDeps,
  scope: GatewayScope,
  policy: LimitPolicy,
  client: string,
): Promise<void> | undefined {
  const note = (quota: QuotaHeaders): void => void (scope.quota = quota);
  const refuse = (error: unknown): never => {
    if (error instanceof DeniedError) scope.quota = error.quota;
    throw error;
  };
  try {
    const admitted = deps.limits.admit(policy, client, scope);
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

function problem(
  c: Context<GatewayHonoEnv>,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return problemIn(c.env.scope, error, headers);
}

function problemIn(
  scope: GatewayScope,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  scope.failure = error;
  return problemResponse(error, { requestId: scope.requestId, instance: scope.path, headers });
}

/**
 * One line a request. An error of the gateway's own making is told here and nowhere else; a BFF has
 * told its own.
 */
function logRequest(
  { logger, now }: GatewayDeps,
  request: Request,
  status: number,
  scope: GatewayScope,
): void {
  const code = scope.failure === null ? undefined : codeOf(scope.failure);
  const isFailure = code !== undefined && ERROR_CATALOGUE[code].status >= 500;
  // A refusal is no fault, and under overload there are thousands of them in a second. Nor is it
  // one of ours that a client wanted no more time.
  const isOurFault = isFailure && !isRefusal(code) && !(code === "DEADLINE_EXCEEDED" && scope.isHurried);
  const level = isOurFault ? "error" : "info";
  logger[level]("request", {
    method: request.method,
    route: scope.routePath ?? undefined,
    path: scope.routePath === null ? scope.path.slice(0, 200) : undefined,
    status,
    ms: now() - scope.startedAtMs,
    requestId: scope.requestId,
    traceId: scope.traceparent.slice(3, 35),
    userId: scope.principal?.userId,
    code,
    causes: isFailure ? describeCauses(scope.failure) : undefined,
  });
}
