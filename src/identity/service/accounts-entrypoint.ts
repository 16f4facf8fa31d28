import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import {
  changePasswordSchema,
  loginSchema,
  passwordSchema,
  refreshTokenSchema,
  registerSchema,
  type ChangePasswordInput,
  type IdentityAccounts,
  type LoginGrant,
  type LoginInput,
  type Profile,
  type RegisterInput,
  type TokenGrant,
} from "../../contracts/identity.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { withoutDeadline } from "../../platform/call/current-patience.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { AccountBook } from "../biz/account-book.ts";
import type { Erasures } from "../biz/erasures.ts";
import type { Sessions } from "../biz/sessions.ts";

export interface AccountsDeps extends RpcDeps {
  readonly accounts: Omit<AccountBook, "profile">;
  /** Apart from the rest of the book: mere reads wait no longer than those of any other page. */
  readonly profileOf: (userId: string) => Promise<Profile>;
  readonly signIn: (input: LoginInput, clientAddress: string) => Promise<LoginGrant>;
  readonly sessions: Sessions;
  readonly erasures: Pick<Erasures, "attempt">;
  readonly ping: () => Promise<void>;
}

/** What a caller who says no address counts as. */
const NOWHERE = "unknown";

/**
 * What the account BFF reaches. "Me" is always the caller's principal, and no step starts after the
 * caller's time.
 */
export function accountsEntrypoint<E extends object>(wire: (env: E) => AccountsDeps) {
  const run = rpcMethods(wire);
  return class Accounts extends WorkerEntrypoint<E> implements IdentityAccounts {
    register(ctx: CallContext, input: RegisterInput): Promise<{ readonly userId: string }> {
      return run(this.env, ctx, ({ accounts }) =>
        accounts.register(
          validate(registerSchema, input, "input"),
          ctx.clientAddress ?? NOWHERE,
          ctx.continent,
        ),
      );
    }

    login(ctx: CallContext, input: LoginInput): Promise<LoginGrant> {
      return run(this.env, ctx, ({ signIn }) =>
        signIn(validate(loginSchema, input, "input"), ctx.clientAddress ?? NOWHERE),
      );
    }

    refresh(ctx: CallContext, refreshToken: string): Promise<TokenGrant> {
      return run(this.env, ctx, ({ sessions }) =>
        sessions.refresh(validate(refreshTokenSchema, refreshToken, "refreshToken")),
      );
    }

    logout(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, ({ sessions }) => {
        const { userId, sessionId } = requirePrincipal(ctx);
        return sessions.end(userId, sessionId);
      });
    }

    changePassword(ctx: CallContext, input: ChangePasswordInput): Promise<void> {
      return run(this.env, ctx, ({ accounts }) =>
        accounts.changePassword(requirePrincipal(ctx), validate(changePasswordSchema, input, "input")),
      );
    }

    me(ctx: CallContext): Promise<Profile> {
      return run(this.env, ctx, ({ profileOf }) => profileOf(requirePrincipal(ctx).userId));
    }

    erase(ctx: CallContext, password: string): Promise<void> {
      return run(this.env, ctx, async ({ accounts, erasures }) => {
        const caller = requirePrincipal(ctx);
        const erased = await accounts.erase(caller, validate(passwordSchema, password, "password"));
        // The account is gone when this answers; its history usually a moment later, and else when
        // the cron has got through.
        this.ctx.waitUntil(withoutDeadline(() => erasures.attempt(erased)));
      });
    }

    ready(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, ({ ping }) => ping());
    }
  };
}
