import { failureFields, type Logger } from "../../platform/logger.ts";
import type { Clock } from "../../resilience/clock.ts";
import { BY_ITSELF } from "./reconcile-round.ts";
import { reconcile } from "./reconcile.ts";
import type { ReconcilableLedgers } from "./transfer-walk.ts";

/** So many are told one by one: the first ones lead to the rest. */
const TOLD_MAX = 20;

interface ReconcileSweepDeps {
  /**
   * The ledgers, as asked in the name of nobody: a reconciliation changes nothing but how far it
   * has come, so that there is nothing to audit.
   */
  readonly ledgersOfRun: () => ReconcilableLedgers;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  readonly logger: Logger;
}

/**
 * The cron: drives the reconciliation on each minute, whether an operator asks or not, and says
 * aloud what it finds.
 */
export function createReconcileSweep({
  ledgersOfRun,
  now,
  sleep,
  logger,
}: ReconcileSweepDeps): () => Promise<void> {
  return async function sweep() {
    try {
      const { mismatches, through, behind, accounts } = await reconcile({
        ledgers: ledgersOfRun(),
        now,
        sleep,
        round: BY_ITSELF,
      });
      const late = mismatches.filter(({ kind }) => kind === "late_message");
      const wrong = mismatches.filter(({ kind }) => kind !== "late_message");
      for (const mismatch of wrong.slice(0, TOLD_MAX)) logger.error("the ledgers disagree", { ...mismatch });
      if (wrong.length > TOLD_MAX) logger.error("the ledgers disagree", { more: wrong.length - TOLD_MAX });
      // No loss: somebody has to redrive or refund them.
      if (late.length > 0) logger.warn("messages are late", { count: late.length, first: late[0]?.id });
      if (accounts.unchecked > 0) logger.warn("accounts could not be checked", { count: accounts.unchecked });
      logger.debug("reconciled", { through, behind });
    } catch (error) {
      logger.error("reconciliation failed", { ...failureFields(error) });
    }
  };
}
