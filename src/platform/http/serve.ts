import { describeCauses } from "../../contracts/errors.ts";
import { prepareEveryResponse } from "./every-response.ts";
import { oncePerEnv } from "../once-per-env.ts";
import { problemResponse } from "./problem.ts";
import { randomHex } from "../random-hex.ts";
import { newTraceparent } from "./trace.ts";

type FetchLike = (request: Request, env: never, ctx: ExecutionContext) => Response | Promise<Response>;

/**
 * The `fetch` handler of a worker over its composition root, and its last resort. A worker that
 * can't be wired (a bad var, a missing secret) answers every request with a plain 500 and says in
 * its log what is wrong; so does one whose handler throws. No answer is without the headers of
 * every response.
 */
export function serve<E extends object>(
  wire: (env: E) => FetchLike,
): (request: Request, env: E, ctx: ExecutionContext) => Promise<Response> {
  const wired = oncePerEnv(wire);
  return async function serveRequest(request, env, ctx) {
    let event = "worker refused to start";
    try {
      const handle = wired(env);
      event = "request failed in the worker's frame";
      return await handle(request, env as never, ctx);
    } catch (error) {
      console.error(JSON.stringify({ level: "error", event, causes: describeCauses(error) }));
      return lastResort(request, error);
    }
  };
}

/** Made of nothing that the request brought, since something of it may be what went wrong. */
async function lastResort(request: Request, error: unknown): Promise<Response> {
  const requestId = randomHex(16);
  const traceparent = newTraceparent(randomHex);
  const every = await prepareEveryResponse();
  const problem = problemResponse(error, { requestId, instance: URL.parse(request.url)?.pathname ?? "/" });
  return every.complete(problem, { requestId, traceparent, quota: null });
}
