import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { ChangePasswordInput, IdentityAccounts, LoginInput, Profile, RegisterInput, TokenGrant } from "../../contracts/identity.ts";
import { requirePrincipal } from "../../platform/call-context.ts";
import type { AccountBook } from "../biz/account-book.ts";
import type { Erasures } from "../biz/erasures.ts";
import type { Sessions } from "../biz/sessions.ts";

export interface AccountsDeps {
  readonly accounts: AccountBook;
  readonly signIn: (input: LoginInput) => Promise<TokenGrant>;
  readonly sessions: Sessions;
  readonly erasures: Pick<Erasures, "attempt">;
  readonly ping: () => Promise<void>;
}

/** What the account BFF reaches. "Me" is always the caller's principal. */
export function accountsEntrypoint<E extends object>(wire: (env: E) => AccountsDeps) {
  return class Accounts extends WorkerEntrypoint<E> implements IdentityAccounts {
    async register(_ctx: CallContext, input: RegisterInput): Promise<{ readonly userId: string }> {
      return wire(this.env).accounts.register(input);
    }

    async login(_ctx: CallContext, input: LoginInput): Promise<TokenGrant> {
      return wire(this.env).signIn(input);
    }

    async refresh(_ctx: CallContext, refreshToken: string): Promise<TokenGrant> {
      return wire(this.env).sessions.refresh(refreshToken);
    }

    async logout(ctx: CallContext): Promise<void> {
      const { userId, sessionId } = requirePrincipal(ctx);
      await wire(this.env).sessions.end(userId, sessionId);
    }

    async changePassword(ctx: CallContext, input: ChangePasswordInput): Promise<void> {
      await wire(this.env).accounts.changePassword(requirePrincipal(ctx), input);
    }

    async me(ctx: CallContext): Promise<Profile> {
      return wire(this.env).accounts.profile(requirePrincipal(ctx).userId);
    }

    async erase(ctx: CallContext, password: string): Promise<void> {
      const { userId } = requirePrincipal(ctx);
      const { accounts, erasures } = wire(this.env);
      await accounts.erase(userId, password);
      // The account is gone when this answers; its history usually a moment later, and else when the cron has got through.
      this.ctx.waitUntil(erasures.attempt(userId));
    }

    async ready(_ctx: CallContext): Promise<void> {
      await wire(this.env).ping();
    }
  };
}
