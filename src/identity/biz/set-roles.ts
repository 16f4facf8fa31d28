import { CodedError } from "../../contracts/errors.ts";
import type { Profile } from "../../contracts/identity.ts";
import { ROLES, type Role } from "../../contracts/permissions.ts";
import type { Clock } from "../../resilience/clock.ts";
import { profileOf } from "./account-book.ts";
import type { AccountStore, SecretSource } from "./ports.ts";

export interface RoleChangeDeps {
  readonly accounts: Pick<AccountStore, "setRoles">;
  readonly secrets: Pick<SecretSource, "newId">;
  readonly now: Clock;
}

/**
 * Replaces a user's roles. All of their sessions end, since their tokens state the old ones. Throws
 * `NOT_FOUND`, and `CONFLICT` where no admin would be left, who alone could make another.
 */
export function createSetRoles({ accounts, secrets, now }: RoleChangeDeps) {
  return async function setRoles(actor: string, userId: string, roles: readonly Role[]): Promise<Profile> {
    const distinct = ROLES.filter((role) => roles.includes(role));
    const account = await accounts.setRoles({
      userId,
      roles: distinct,
      audit: { id: secrets.newId(), atMs: now(), actor },
    });
    if (account === null) throw new CodedError("NOT_FOUND", "No such user");
    if (account === "last admin")
      throw new CodedError("CONFLICT", "This is the last admin: make somebody else one first");
    return profileOf(account);
  };
}
