import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { IdentityAdministration, IdentityOverview, Profile } from "../../contracts/identity.ts";
import type { Role } from "../../contracts/permissions.ts";
import { requirePrincipal } from "../../platform/call-context.ts";
import type { KeyRing } from "../biz/key-ring.ts";

export interface AdministrationDeps {
  readonly setRoles: (actor: string, userId: string, roles: readonly Role[]) => Promise<Profile>;
  readonly keys: Pick<KeyRing, "rotate">;
  readonly overview: () => Promise<IdentityOverview>;
  readonly ping: () => Promise<void>;
}

/** What the ops BFF reaches, which has checked the permission. Here a change needs a name to be written down under. */
export function administrationEntrypoint<E extends object>(wire: (env: E) => AdministrationDeps) {
  return class Administration extends WorkerEntrypoint<E> implements IdentityAdministration {
    async setRoles(ctx: CallContext, userId: string, roles: readonly Role[]): Promise<Profile> {
      return wire(this.env).setRoles(requirePrincipal(ctx).userId, userId, roles);
    }

    async rotateKeys(ctx: CallContext): Promise<{ readonly kid: string; readonly signsFromMs: number }> {
      return wire(this.env).keys.rotate(requirePrincipal(ctx).userId);
    }

    async overview(_ctx: CallContext): Promise<IdentityOverview> {
      return wire(this.env).overview();
    }

    async ready(_ctx: CallContext): Promise<void> {
      await wire(this.env).ping();
    }
  };
}
