import { Hono, type Context } from "hono";
import { CodedError, codeOf, describeCauses, ERROR_CATALOGUE, isRefusal } from "../../contracts/errors.ts";
import { fieldsQuerySchema } from "../../contracts/fields-query.ts";
import { readGatewayContext, type GatewayContext } from "../../contracts/gateway-context.ts";
import { INTERNAL_TOKEN_HEADER, READY_PATH, TRACEPARENT_HEADER } from "../../contracts/internal-request.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { RequestScope } from "../call/request-scope.ts";
import { CALL_TIMEOUT_MS } from "../guard/call-timeouts.ts";
import { prepareEveryResponse, type EveryResponse } from "../http/every-response.ts";
import type { InternalTokenVerifier } from "./internal-token.ts";
import { requestFields, type Logger } from "../logger.ts";
import { problemResponse } from "../http/problem.ts";
import { readQuery } from "../validate.ts";

/** A request's scope, and what gateway and client want of the answer. */
interface BffScope extends RequestScope, Pick<GatewayContext, "attempt" | "clientKind" | "quota"> {
  /** Members of a JSON answer that the client wants; null where it wants all. */
  readonly fields: ReadonlySet<string> | null;
}

/**
 * The Hono environment of a BFF: each request's scope is under `c.env.scope`; `c.env.every` is what
 * `answerJson` answers with.
 */
export interface BffEnv {
  Bindings: { readonly scope: BffScope; readonly every: EveryResponse };
}

/** A BFF as the runtime calls it. */
export type BffFetch = (request: Request, env: unknown, ctx?: ExecutionContext) => Promise<Response>;

export interface BffOptions {
  readonly verifyInternalToken: InternalTokenVerifier;
  readonly logger: Logger;
  readonly now: Clock;
  /** Whether the services below can be reached; throws where they can't. */
  readonly checkReady: (scope: RequestScope) => Promise<void>;
  /** Adds the BFF's own routes. */
  readonly addRoutes: (app: Hono<BffEnv>) => void;
}

/**
 * What every BFF shares: it believes the gateway's token and nobody else, hands the user down, and
 * answers errors as problems, logging those that are ours. The token is checked around Hono rather
 * than in a middleware: a route with a single handler is Hono's fast path, and this one is taken by
 * every heartbeat.
 */
export function createBff({ verifyInternalToken, logger, now, checkReady, addRoutes }: BffOptions): BffFetch {
  const app = new Hono<BffEnv>();
  addRoutes(app);

  const answer = (error: unknown, scope: BffScope, path: string): Response => {
    const code = codeOf(error);
    if (ERROR_CATALOGUE[code].status >= 500) {
      // What was refused on purpose is no fault, and an open breaker refuses everybody. Nor is it
      // one of ours that the client left too little time.
      const isNoFault = isRefusal(code) || (code === "DEADLINE_EXCEEDED" && scope.isHurried === true);
      logger[isNoFault ? "info" : "error"]("request failed", {
        requestId: scope.requestId,
        attempt: scope.attempt,
        code,
        causes: describeCauses(error),
      });
    }
    return problemResponse(error, { requestId: scope.requestId, instance: path });
  };
  app.notFound((c: Context<BffEnv>) =>
    answer(new CodedError("NOT_FOUND", "No such route"), c.env.scope, c.req.path),
  );
  app.onError((error, c) => answer(error, c.env.scope, c.req.path));

  let every: EveryResponse | null = null;
  return async function bff(request, _env, ctx) {
    const { headers } = request;
    const token = headers.get(INTERNAL_TOKEN_HEADER);
    const startedAtMs = now();
    const scope = scopeOf(request, startedAtMs);
    let response: Response;
    try {
      if (token === null && pathOf(request) === READY_PATH) {
        await checkReady({ ...scope, deadlineAtMs: now() + CALL_TIMEOUT_MS.readyCheck });
        return Response.json({ status: "ready" });
      }
      const principal = await verifyInternalToken(token);
      every ??= await prepareEveryResponse();
      response = await app.fetch(
        request,
        { scope: { ...scope, principal, fields: fieldsOf(request) }, every },
        ctx,
      );
    } catch (error) {
      response = answer(error, scope, pathOf(request));
    }
    // What failed has its line already.
    if (scope.logWeight !== undefined && response.status < 500) {
      logger.info("request", {
        status: response.status,
        ms: now() - startedAtMs,
        ...requestFields(scope),
      });
    }
    return response;
  };
}

function scopeOf(request: Request, nowMs: number): BffScope {
  const { headers } = request;
  const { remainingMs, clientAddress, continent, logWeight, ...told } = readGatewayContext(headers);
  return {
    ...told,
    traceparent: headers.get(TRACEPARENT_HEADER) ?? "",
    deadlineAtMs: nowMs + remainingMs,
    hangUp: request,
    principal: null,
    fields: null,
    ...(clientAddress === null ? {} : { clientAddress }),
    ...(continent === null ? {} : { continent }),
    ...(logWeight === null ? {} : { logWeight }),
  };
}

/**
 * Whether the query may have `fields` in it, also where some of its letters are escaped. Looked for
 * once from its start: a pattern would be tried anew from each further question mark.
 */
function mayHaveFields(url: string): boolean {
  const start = url.indexOf("?");
  return start >= 0 && (url.includes("fields", start) || url.includes("%", start));
}

/** Read before anything is done: a request that asks for what can't be had costs no service. */
function fieldsOf({ method, url }: Request): ReadonlySet<string> | null {
  if ((method !== "GET" && method !== "HEAD") || !mayHaveFields(url)) return null;
  return readQuery(url, fieldsQuerySchema).fields ?? null;
}

function pathOf(request: Request): string {
  return URL.parse(request.url)?.pathname ?? "/";
}
