import type { RevokedSession } from "../../../src/contracts/identity.ts";
import type { Account, AccountStore, SessionStore } from "../../../src/identity/biz/ports.ts";

/**
 * The part of the account store that login uses, with room for another login to come in between.
 */
export class MemoryAccounts implements Pick<AccountStore, "byEmail" | "add"> {
  readonly accounts = new Map<string, Account>();
  beforeAdd: () => void = () => undefined;

  async byEmail(email: string): Promise<Account | null> {
    return this.accounts.get(email) ?? null;
  }

  async add(account: Account): Promise<boolean> {
    this.beforeAdd();
    if (this.accounts.has(account.email)) return false;
    this.accounts.set(account.email, account);
    return true;
  }
}

/**
 * A revocation list that gives times as the real one does: unique, rising in the order of commits.
 */
export class MemoryRevocations implements Pick<SessionStore, "revokedSince"> {
  readonly log: RevokedSession[] = [];

  revoke(sessionId: string, nowMs: number): void {
    this.log.push({ sessionId, revokedAtMs: Math.max(nowMs, (this.log.at(-1)?.revokedAtMs ?? 0) + 1) });
  }

  async revokedSince(sinceMs: number, limit: number): Promise<readonly RevokedSession[]> {
    return this.log.filter(({ revokedAtMs }) => revokedAtMs >= sinceMs).slice(0, limit);
  }
}
