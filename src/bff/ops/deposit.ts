import { CodedError } from "../../contracts/errors.ts";
import type { IdentityOperations } from "../../contracts/identity.ts";
import type { DepositReceipt } from "../../contracts/ledger.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";

interface DepositDeps {
  readonly scope: RequestScope;
  readonly wallet: GuardedRpc<LedgerOperations>;
  readonly identity: GuardedRpc<IdentityOperations>;
}

interface WantedDeposit {
  readonly userId: string;
  readonly amount: number;
  readonly key: string;
}

/**
 * Pays into the account of a user whom identity knows: a ledger would open one for anybody. What
 * was answered under a key is answered again, though the account has been erased since or identity
 * is away. Throws `NOT_FOUND` where there is no such user.
 */
export async function depositOf(
  { scope, wallet, identity }: DepositDeps,
  { userId, amount, key }: WantedDeposit,
): Promise<DepositReceipt> {
  try {
    const state = await identity.read(scope, "look for an account", (service, ctx) =>
      service.accountState(ctx, userId),
    );
    if (state !== "open") throw new CodedError("NOT_FOUND", "No such user");
  } catch (error) {
    const answered = await wallet.read(scope, "look for a deposit", (service, ctx) =>
      service.findDeposit(ctx, userId, amount, key),
    );
    if (answered === null) throw error;
    return answered;
  }
  return wallet.keyedWrite(scope, "deposit", (service, ctx) => service.deposit(ctx, userId, amount, key));
}
