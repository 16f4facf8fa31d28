import { isCode } from "../../contracts/errors.ts";
import type { HistoryOperations } from "../../contracts/history.ts";
import type { IdentityOperations } from "../../contracts/identity.ts";
import { LEDGERS, type LedgerName } from "../../contracts/ledger.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import type { LedgersOfOperators } from "./ledger-routes.ts";

interface OverviewDeps {
  readonly history: GuardedRpc<HistoryOperations>;
  readonly identity: GuardedRpc<IdentityOperations>;
  readonly ledgers: LedgersOfOperators;
}

/** What the overview is made of, in the order in which it names what is refused. */
const OVERVIEW_PARTS = ["history", "identity", ...LEDGERS] as const;
type OverviewPart = (typeof OVERVIEW_PARTS)[number];

/**
 * What all services tell operators, at once. A part that is refused at the account's spending cap
 * is null and named: operators need to know that it is that, and whatever else there is. Throws
 * what any other part throws.
 */
export async function readOverview(scope: RequestScope, { history, identity, ledgers }: OverviewDeps) {
  const readLedger = (name: LedgerName): Promise<unknown> =>
    ledgers[name].read(scope, "read a ledger's overview", (service, ctx) => service.overview(ctx));
  const load: Readonly<Record<OverviewPart, () => Promise<unknown>>> = {
    history: () =>
      history.read(scope, "read the history's overview", (service, ctx) => service.overview(ctx)),
    identity: () => identity.read(scope, "read identity's overview", (service, ctx) => service.overview(ctx)),
    wallet: () => readLedger("wallet"),
    savings: () => readLedger("savings"),
  };
  const parts: Partial<Record<OverviewPart, unknown>> = {};
  const group = new TaskGroup();
  for (const name of OVERVIEW_PARTS) {
    group.go(async () => {
      try {
        parts[name] = await load[name]();
      } catch (error) {
        if (!isCode(error, "SPENDING_CAP")) throw error;
        parts[name] = null;
      }
    });
  }
  await group.wait();
  return { ...parts, atSpendingCap: OVERVIEW_PARTS.filter((name) => parts[name] === null) };
}
