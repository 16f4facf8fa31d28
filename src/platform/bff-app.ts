import { Hono, type Context } from "hono";
import type { CallContext } from "../contracts/call-context.ts";
import { CodedError, codeOf, describeCauses, ERROR_CATALOGUE } from "../contracts/errors.ts";
import {
  DEADLINE_HEADER,
  INTERNAL_TOKEN_HEADER,
  READY_PATH,
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
} from "../contracts/internal-request.ts";
import type { Clock } from "../resilience/clock.ts";
import { callContext, type RequestScope } from "./call-context.ts";
import type { InternalTokenVerifier } from "./internal-token.ts";
import type { Logger } from "./logger.ts";
import { problemResponse } from "./problem.ts";

/** The Hono environment of a BFF: each request's scope is under `c.var.scope`. */
export interface BffEnv {
  Variables: { scope: RequestScope };
}

export interface BffAppOptions {
  readonly verifyInternalToken: InternalTokenVerifier;
  readonly logger: Logger;
  readonly now: Clock;
  /** Whether the services below can be reached; throws where they can't. */
  readonly checkReady: (ctx: CallContext) => Promise<void>;
}

/** Time a readiness check may take, and a request whose deadline header is missing or odd, in ms. */
const READY_MS = 2_000;
const DEADLINE_DEFAULT_MS = 1_000;
const DEADLINE_MAX_MS = 60_000;

/**
 * What every BFF shares: it believes the gateway's token and nobody else, hands the user down, and answers errors as problems,
 * logging those that are ours. Routes are added by the caller.
 */
export function createBffApp({ verifyInternalToken, logger, now, checkReady }: BffAppOptions): Hono<BffEnv> {
  const app = new Hono<BffEnv>();

  app.get(READY_PATH, async function ready(c) {
    const scope = readScope(c.req.raw, now(), READY_MS, null);
    c.set("scope", scope);
    await checkReady(callContext(scope, now()));
    return c.json({ status: "ready" });
  });

  app.use(async function authenticateGateway(c, next) {
    const scope = readScope(c.req.raw, now(), remainingOf(c.req.raw), null);
    c.set("scope", scope);
    const principal = await verifyInternalToken(c.req.raw.headers.get(INTERNAL_TOKEN_HEADER));
    c.set("scope", { ...scope, principal });
    await next();
  });

  app.notFound((c) => problem(c, new CodedError("NOT_FOUND", "No such route")));

  app.onError(function answerProblem(error, c) {
    if (ERROR_CATALOGUE[codeOf(error)].status >= 500) {
      const scope = c.var.scope;
      logger.error("request failed", { requestId: scope?.requestId, code: codeOf(error), causes: describeCauses(error) });
    }
    return problem(c, error);
  });

  return app;
}

function problem(c: Context<BffEnv>, error: unknown): Response {
  return problemResponse(error, { requestId: c.var.scope?.requestId ?? "unknown", instance: c.req.path });
}

function readScope(request: Request, nowMs: number, remainingMs: number, principal: null): RequestScope {
  return {
    requestId: request.headers.get(REQUEST_ID_HEADER) ?? "unknown",
    traceparent: request.headers.get(TRACEPARENT_HEADER) ?? "",
    deadlineAtMs: nowMs + remainingMs,
    principal,
  };
}

function remainingOf(request: Request): number {
  const remainingMs = Number(request.headers.get(DEADLINE_HEADER) ?? DEADLINE_DEFAULT_MS);
  return remainingMs >= 0 && remainingMs <= DEADLINE_MAX_MS ? remainingMs : DEADLINE_DEFAULT_MS;
}
