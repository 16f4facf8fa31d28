import { describeCauses } from "../contracts/errors.ts";
import { oncePerEnv } from "./once-per-env.ts";
import { problemResponse } from "./problem.ts";

type FetchLike = (request: Request, env: never, ctx: ExecutionContext) => Response | Promise<Response>;

/**
 * The `fetch` handler of a worker over its composition root. A worker that can't be wired (a bad var, a missing secret) answers every
 * request with a plain 500 and says in its log what is wrong.
 */
export function serve<E extends object>(
  wire: (env: E) => FetchLike,
): (request: Request, env: E, ctx: ExecutionContext) => Promise<Response> {
  const wired = oncePerEnv(wire);
  return async function serveRequest(request, env, ctx) {
    let handle: FetchLike;
    try {
      handle = wired(env);
    } catch (error) {
      console.error(JSON.stringify({ level: "error", event: "worker refused to start", causes: describeCauses(error) }));
      const requestId = request.headers.get("x-request-id") ?? "unknown";
      return problemResponse(error, { requestId, instance: new URL(request.url).pathname });
    }
    return handle(request, env as never, ctx);
  };
}
