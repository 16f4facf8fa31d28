import { LEDGERS, type LedgerName } from "../../contracts/ledger.ts";
import type { LedgerFunds } from "../../contracts/ledger-entrypoints.ts";
import { CUT_MOVEMENTS, CUT_MOVEMENTS_MAX, type FundsCut } from "../../contracts/ledger-statement.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { settleExcess, walletCut } from "./wallet-cut.ts";

export type Ledgers = Readonly<Record<LedgerName, GuardedRpc<LedgerFunds>>>;

interface Balance {
  readonly balance: number;
}

/** What a user has, as clients see it. A ledger that can't be asked is null and named. */
export interface WalletView {
  readonly wallet: Balance | null;
  readonly savings: Balance | null;
  /** On its way between the two, or held back there: as much as is known. */
  readonly inFlight: number;
  readonly degraded?: readonly LedgerName[];
}

/** What both ledgers answered: null where one could not be asked, and why. */
interface Answers {
  readonly wallet: FundsCut | null;
  readonly savings: FundsCut | null;
  readonly error: unknown;
}

/** Looks that are taken where the movements of the one before did not reach back far enough. */
const DEEPER_LOOKS = [CUT_MOVEMENTS_MAX, CUT_MOVEMENTS_MAX] as const;

/**
 * Both ledgers' word on the caller's money, as of one moment; where one can't be asked, the
 * other's. Throws only if neither can.
 */
export async function readWallet(scope: RequestScope, ledgers: Ledgers): Promise<WalletView> {
  const answers = await ask(scope, ledgers, CUT_MOVEMENTS);
  const { wallet, savings } = answers;
  if (wallet === null && savings === null) throw answers.error;
  const whole = await wholeOf(scope, ledgers, answers);
  if (whole !== null) return whole;
  return {
    wallet: balanceOf(wallet),
    savings: balanceOf(savings),
    inFlight: (wallet?.inFlight ?? 0) + (savings?.inFlight ?? 0),
    degraded: LEDGERS.filter((name) => answers[name] === null),
  };
}

/** The same. Throws unless both ledgers answer: for whom half of somebody's money is no answer. */
export async function readWholeWallet(scope: RequestScope, ledgers: Ledgers): Promise<WalletView> {
  const answers = await ask(scope, ledgers, CUT_MOVEMENTS);
  const whole = await wholeOf(scope, ledgers, answers);
  if (whole === null) throw answers.error;
  return whole;
}

/**
 * One picture of both answers, after deeper looks where it needs them; null where there is but one.
 */
async function wholeOf(scope: RequestScope, ledgers: Ledgers, answers: Answers): Promise<WalletView | null> {
  if (answers.wallet === null || answers.savings === null) return null;
  let cut = walletCut({ wallet: answers.wallet, savings: answers.savings });
  for (const movementsMax of DEEPER_LOOKS) {
    if (cut.excess === 0) break;
    const { wallet, savings } = await ask(scope, ledgers, movementsMax);
    if (wallet === null || savings === null) break;
    cut = walletCut({ wallet, savings });
  }
  const { balances, inFlight } = settleExcess(cut);
  return { wallet: { balance: balances.wallet }, savings: { balance: balances.savings }, inFlight };
}

async function ask(scope: RequestScope, ledgers: Ledgers, movementsMax: number): Promise<Answers> {
  const answers: { wallet: FundsCut | null; savings: FundsCut | null; error: unknown } = {
    wallet: null,
    savings: null,
    error: null,
  };
  const group = new TaskGroup();
  for (const name of LEDGERS) {
    group.go(async () => {
      try {
        answers[name] = await ledgers[name].read(scope, "read funds", (service, ctx) =>
          service.cut(ctx, movementsMax),
        );
      } catch (error) {
        answers.error = error;
      }
    });
  }
  await group.wait();
  return answers;
}

function balanceOf(cut: FundsCut | null): Balance | null {
  return cut === null ? null : { balance: cut.balance };
}
