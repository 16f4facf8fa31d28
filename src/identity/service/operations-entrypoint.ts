import { WorkerEntrypoint } from "cloudflare:workers";
import { auditPageSchema, type AuditView, type AuditPage } from "../../contracts/audit.ts";
import type { CallContext } from "../../contracts/call-context.ts";
import {
  kidSchema,
  rolesSchema,
  userIdSchema,
  type AccountState,
  type IdentityOperations,
  type IdentityOverview,
  type Profile,
} from "../../contracts/identity.ts";
import type { Role } from "../../contracts/permissions.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { AuditTrail } from "../biz/ports.ts";
import type { KeyRing } from "../biz/key-ring.ts";

export interface OperationsDeps extends RpcDeps {
  readonly setRoles: (actor: string, userId: string, roles: readonly Role[]) => Promise<Profile>;
  readonly accountState: (userId: string) => Promise<AccountState | null>;
  readonly keys: Pick<KeyRing, "rotate" | "distrust">;
  readonly auditTrail: AuditTrail;
  readonly overview: () => Promise<IdentityOverview>;
  readonly ping: () => Promise<void>;
}

/**
 * What the ops BFF reaches, which has checked the permission. Here a change needs a name to be
 * written down under.
 */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  const run = rpcMethods(wire);
  return class Operations extends WorkerEntrypoint<E> implements IdentityOperations {
    setRoles(ctx: CallContext, userId: string, roles: readonly Role[]): Promise<Profile> {
      return run(this.env, ctx, ({ setRoles }) =>
        setRoles(
          requirePrincipal(ctx).userId,
          validate(userIdSchema, userId, "userId"),
          validate(rolesSchema, roles, "roles"),
        ),
      );
    }

    accountState(ctx: CallContext, userId: string): Promise<AccountState | null> {
      return run(this.env, ctx, ({ accountState }) => accountState(validate(userIdSchema, userId, "userId")));
    }

    rotateKeys(ctx: CallContext): Promise<{ readonly kid: string; readonly signsFromMs: number }> {
      return run(this.env, ctx, ({ keys }) => keys.rotate(requirePrincipal(ctx).userId));
    }

    distrustKey(
      ctx: CallContext,
      kid: string,
    ): Promise<{ readonly kid: string; readonly signsFromMs: number }> {
      return run(this.env, ctx, ({ keys }) =>
        keys.distrust(requirePrincipal(ctx).userId, validate(kidSchema, kid, "kid")),
      );
    }

    audit(ctx: CallContext, page: AuditPage): Promise<readonly AuditView[]> {
      return run(this.env, ctx, ({ auditTrail }) => {
        const { limit, cursor } = validate(auditPageSchema, page, "page");
        return auditTrail.list(limit, cursor?.toLowerCase() ?? null);
      });
    }

    overview(ctx: CallContext): Promise<IdentityOverview> {
      return run(this.env, ctx, ({ overview }) => overview());
    }

    ready(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, ({ ping }) => ping());
    }
  };
}
