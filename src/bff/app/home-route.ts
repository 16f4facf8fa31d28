import type { Hono } from "hono";
import type { HistoryPlayback } from "../../contracts/history.ts";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { CodedError, describeCauses } from "../../contracts/errors.ts";
import type { BffEnv } from "../../platform/bff-app.ts";
import { callContext, type RequestScope } from "../../platform/call-context.ts";
import type { Logger } from "../../platform/logger.ts";
import { rpc } from "../../platform/rpc.ts";
import type { Clock } from "../../resilience/clock.ts";
import { TaskGroup } from "../../resilience/task-group.ts";

interface HomeDeps {
  readonly history: HistoryPlayback;
  readonly identity: Pick<IdentityAccounts, "me">;
  readonly logger: Logger;
  readonly now: Clock;
}

const CONTINUE_LIMIT = 20;
/** Kept back from the request's time to assemble and send the answer, in ms. */
const ASSEMBLY_MS = 50;

/**
 * The home screen in one request. Its parts are asked for at once; one that fails or is late is null and named in `degraded`. Only if all
 * of them fail is the whole an error.
 */
export function addHomeRoute(app: Hono<BffEnv>, deps: HomeDeps): void {
  app.get("/v1/home", async function home(c) {
    const { scope } = c.env;
    const partsOf = {
      profile: () => rpc("read the profile", deps.identity.me(callContext(scope, deps.now()))),
      continue: async () => {
        const page = await rpc("list what to continue", deps.history.continueWatching(callContext(scope, deps.now()), CONTINUE_LIMIT));
        return page.items;
      },
    };
    const parts: Record<string, unknown> = {};
    const degraded: string[] = [];
    const group = new TaskGroup();
    for (const [name, load] of Object.entries(partsOf)) {
      group.go(async () => {
        parts[name] = null;
        try {
          parts[name] = await inTime<unknown>(load(), scope, deps.now);
        } catch (error) {
          degraded.push(name);
          deps.logger.warn("part of home missing", { requestId: scope.requestId, part: name, causes: describeCauses(error) });
        }
      });
    }
    await group.wait();
    if (degraded.length === Object.keys(partsOf).length) throw new CodedError("UNAVAILABLE", "No part of the home screen can be had now");
    return c.json({ ...parts, degraded: degraded.sort() });
  });
}

/** The part, or `DEADLINE_EXCEEDED` shortly before the request's time is up: a late part must not take the others with it. */
async function inTime<T>(part: Promise<T>, scope: RequestScope, now: Clock): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new CodedError("DEADLINE_EXCEEDED", "This part is late")),
    Math.max(0, scope.deadlineAtMs - ASSEMBLY_MS - now()),
  );
  try {
    return await Promise.race([part, late]);
  } finally {
    clearTimeout(timer);
  }
}
