import type { Hono } from "hono";
import type { HistoryPlayback } from "../../contracts/history.ts";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { CodedError, isCode, wrap } from "../../contracts/errors.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import { withFallback } from "../../resilience/fallback.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { homeScreenOf, type HomePart } from "./home-screen.ts";
import { inTimeToAssemble } from "./in-time-to-assemble.ts";
import { readWholeWallet, type Ledgers } from "./read-wallet.ts";

interface HomeDeps {
  readonly history: GuardedRpc<HistoryPlayback>;
  readonly identity: GuardedRpc<IdentityAccounts>;
  readonly ledgers: Ledgers;
  readonly logger: Logger;
}

/**
 * The home screen in one request, as the client's kind shows it. Its parts are asked for at once,
 * each through its guard; one that fails or is late is null and named in `degraded`, and so is one
 * whose service could give only a part of it. Only if all of them fail is the whole an error.
 */
export function addHomeRoute(app: Hono<BffEnv>, { history, identity, ledgers, logger }: HomeDeps): void {
  app.get("/v1/home", async function home(c) {
    const own = permitted(c.env.scope, "home:own");
    const scope = inTimeToAssemble(own);
    const screen = homeScreenOf(c.env.scope.clientKind);
    const degraded = new Set<string>();
    const load: Readonly<Record<HomePart, () => Promise<unknown>>> = {
      profile: () => identity.read(scope, "read the profile", (service, ctx) => service.me(ctx)),
      continue: async () => {
        const page = await history.read(scope, "list what to continue", (service, ctx) =>
          service.continueWatching(ctx, screen.continueMax),
        );
        if (page.degraded === true) degraded.add("continue");
        return page.items;
      },
      wallet: () => readWholeWallet(scope, ledgers),
    };
    const answer: Partial<Record<HomePart, unknown>> = {};
    for (const name of screen.parts) answer[name] = null;
    const failures: unknown[] = [];
    const group = new TaskGroup();
    for (const name of screen.parts) {
      group.go(async () => {
        const part = await withFallback(load[name], () => null);
        answer[name] = part.value;
        if (!part.degraded) return;
        degraded.add(name);
        failures.push(part.error);
        logger.warn("part of home missing", {
          requestId: scope.requestId,
          part: name,
          ...failureFields(part.error),
        });
      });
    }
    await group.wait();
    if (failures.length === screen.parts.length) throw allFailed(failures);
    return answerJson(c, { ...answer, degraded: [...degraded].sort() });
  });
}

/**
 * A caller whose account is gone learns that; otherwise it says whether the platform may cost no
 * more, time ran out or services are away.
 */
function allFailed(failures: readonly unknown[]): CodedError {
  const cause = failures.find((failure) => isCode(failure, "UNAUTHENTICATED")) ?? failures[0];
  if (isCode(cause, "UNAUTHENTICATED"))
    return new CodedError("UNAUTHENTICATED", "The account is gone", { cause });
  const capped = failures.find((failure) => isCode(failure, "SPENDING_CAP"));
  if (capped !== undefined) return wrap(capped, "assemble the home screen");
  const code = failures.every((failure) => isCode(failure, "DEADLINE_EXCEEDED"))
    ? "DEADLINE_EXCEEDED"
    : "UNAVAILABLE";
  return new CodedError(code, "No part of the home screen can be had now", {
    cause,
    alreadyRetried: true,
    mustNotRetry: true,
    failedBelow: true,
  });
}
