import type { Context, Hono } from "hono";
import type { CallContext } from "../../contracts/call-context.ts";
import { CodedError } from "../../contracts/errors.ts";
import {
  changePasswordSchema,
  eraseAccountSchema,
  loginSchema,
  refreshSchema,
  registerSchema,
  type IdentityAccounts,
} from "../../contracts/identity.ts";
import { mayDo } from "../../contracts/permissions.ts";
import { createBff, type BffEnv, type BffFetch } from "../../platform/bff-app.ts";
import { callContext, requirePrincipal } from "../../platform/call-context.ts";
import type { InternalTokenVerifier } from "../../platform/internal-token.ts";
import type { Logger } from "../../platform/logger.ts";
import { rpc } from "../../platform/rpc.ts";
import { readJson } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";

export interface AccountAppOptions {
  readonly identity: IdentityAccounts;
  readonly verifyInternalToken: InternalTokenVerifier;
  readonly logger: Logger;
  readonly now: Clock;
}

/** The account routes of the public contract. What comes back holds tokens, so no cache may keep it. */
export function createAccountApp({ identity, verifyInternalToken, logger, now }: AccountAppOptions): BffFetch {
  return createBff({
    verifyInternalToken,
    logger,
    now,
    checkReady: (ctx) => rpc("reach identity", identity.ready(ctx)),
    addRoutes: (app) => addAccountRoutes(app, identity, now),
  });
}

function addAccountRoutes(app: Hono<BffEnv>, identity: IdentityAccounts, now: Clock): void {
  const anyone = (c: Context<BffEnv>): CallContext => callContext(c.env.scope, now());

  /** The context of a route that is about the caller: there has to be one, and their roles must allow it. */
  function me(c: Context<BffEnv>): CallContext {
    const ctx = anyone(c);
    if (!mayDo(requirePrincipal(ctx).roles, "account:own")) throw new CodedError("FORBIDDEN", "Your roles don't allow this");
    return ctx;
  }

  app.use(async function keepOutOfCaches(c, next) {
    await next();
    c.header("cache-control", "no-store");
  });

  app.post("/v1/account/register", async function register(c) {
    const input = await readJson(c.req.raw, registerSchema);
    return c.json(await rpc("register an account", identity.register(anyone(c), input)), 201);
  });

  app.post("/v1/account/login", async function login(c) {
    const input = await readJson(c.req.raw, loginSchema);
    return c.json(await rpc("log in", identity.login(anyone(c), input)));
  });

  app.post("/v1/account/refresh", async function refresh(c) {
    const { refreshToken } = await readJson(c.req.raw, refreshSchema);
    return c.json(await rpc("trade a refresh token", identity.refresh(anyone(c), refreshToken)));
  });

  app.post("/v1/account/logout", async function logout(c) {
    await rpc("log out", identity.logout(me(c)));
    return c.body(null, 204);
  });

  app.post("/v1/account/password", async function changePassword(c) {
    const ctx = me(c);
    await rpc("change a password", identity.changePassword(ctx, await readJson(c.req.raw, changePasswordSchema)));
    return c.body(null, 204);
  });

  app.get("/v1/account/me", async function showMe(c) {
    return c.json(await rpc("read a profile", identity.me(me(c))));
  });

  app.delete("/v1/account/me", async function eraseMe(c) {
    const ctx = me(c);
    const { password } = await readJson(c.req.raw, eraseAccountSchema);
    await rpc("erase an account", identity.erase(ctx, password));
    return c.body(null, 204);
  });
}
