import type { Context, Hono } from "hono";
import {
  changePasswordSchema,
  eraseAccountSchema,
  loginSchema,
  refreshSchema,
  registerSchema,
  type IdentityAccounts,
} from "../../contracts/identity.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import { createBff, type BffEnv, type BffFetch } from "../../platform/bff/bff-app.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import type { InternalTokenVerifier } from "../../platform/bff/internal-token.ts";
import type { Logger } from "../../platform/logger.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import { readJson } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";

export interface AccountAppOptions {
  readonly identity: GuardedRpc<IdentityAccounts>;
  /** The same service for what refreshes sessions or ends them, which may be slow. */
  readonly sessions: GuardedRpc<IdentityAccounts>;
  /** The same service for what hashes passwords, which takes longer. */
  readonly passwords: GuardedRpc<IdentityAccounts>;
  readonly verifyInternalToken: InternalTokenVerifier;
  readonly logger: Logger;
  readonly now: Clock;
}

/**
 * The account routes of the public contract. What comes back holds tokens, so no cache may keep it.
 */
export function createAccountApp({
  identity,
  sessions,
  passwords,
  verifyInternalToken,
  logger,
  now,
}: AccountAppOptions): BffFetch {
  return createBff({
    verifyInternalToken,
    logger,
    now,
    checkReady: (scope) => identity.read(scope, "reach identity", (service, ctx) => service.ready(ctx)),
    addRoutes(app) {
      app.use(async function keepOutOfCaches(c, next) {
        await next();
        c.header("cache-control", "no-store");
      });
      addSignInRoutes(app, sessions, passwords);
      addOwnAccountRoutes(app, { identity, sessions, passwords });
    },
  });
}

/**
 * What anybody may call. None of it is ever tried again: a refresh token that was used ends its
 * family, but for the seconds that are left to its client. Nor is anybody told to come back where
 * the answer is lost (`problem.ts`).
 */
function addSignInRoutes(
  app: Hono<BffEnv>,
  sessions: GuardedRpc<IdentityAccounts>,
  passwords: GuardedRpc<IdentityAccounts>,
): void {
  app.post("/v1/account/register", async function register(c) {
    const input = await readJson(c.req.raw, registerSchema);
    return answerJson(
      c,
      await passwords.write(c.env.scope, "register an account", (service, ctx) =>
        service.register(ctx, input),
      ),
      201,
    );
  });

  app.post("/v1/account/login", async function login(c) {
    const input = await readJson(c.req.raw, loginSchema);
    return answerJson(
      c,
      await passwords.write(c.env.scope, "log in", (service, ctx) => service.login(ctx, input)),
    );
  });

  app.post("/v1/account/refresh", async function refresh(c) {
    const { refreshToken } = await readJson(c.req.raw, refreshSchema);
    return answerJson(
      c,
      await sessions.write(c.env.scope, "trade a refresh token", (service, ctx) =>
        service.refresh(ctx, refreshToken),
      ),
    );
  });
}

/** What is about the caller: there has to be one, and their roles must allow it. */
function addOwnAccountRoutes(
  app: Hono<BffEnv>,
  { identity, sessions, passwords }: Pick<AccountAppOptions, "identity" | "sessions" | "passwords">,
): void {
  const mine = (c: Context<BffEnv>): RequestScope => permitted(c.env.scope, "account:own");

  app.post("/v1/account/logout", async function logout(c) {
    await sessions.idempotentWrite(mine(c), "log out", (service, ctx) => service.logout(ctx));
    return c.body(null, 204);
  });

  app.post("/v1/account/password", async function changePassword(c) {
    const scope = mine(c);
    const input = await readJson(c.req.raw, changePasswordSchema);
    await passwords.write(scope, "change a password", (service, ctx) => service.changePassword(ctx, input));
    return c.body(null, 204);
  });

  app.get("/v1/account/me", async function showMe(c) {
    return answerJson(c, await identity.read(mine(c), "read a profile", (service, ctx) => service.me(ctx)));
  });

  app.delete("/v1/account/me", async function eraseMe(c) {
    const scope = mine(c);
    const { password } = await readJson(c.req.raw, eraseAccountSchema);
    await passwords.write(scope, "erase an account", (service, ctx) => service.erase(ctx, password));
    return c.body(null, 204);
  });
}
