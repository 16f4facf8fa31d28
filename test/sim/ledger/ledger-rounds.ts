import { reconcile } from "../../../src/bff/ops/reconcile.ts";
import { ASKED_FOR, BY_ITSELF } from "../../../src/bff/ops/reconcile-round.ts";
import type { ReconcilableLedger } from "../../../src/bff/ops/reconcilable-ledger.ts";
import type { Clock } from "../../../src/resilience/clock.ts";
import { DELIVERY_SLA_MS } from "../../../src/ledger/biz/delivery-schedule.ts";
import { d1Reconciliation } from "../../../src/ledger/data/d1-reconciliation.ts";
import { must } from "../kernel/broken-invariant.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import type { LedgerWorld, SimLedger } from "./sim-ledger.ts";

/** What a reading is off by: more often than not by nothing. */
const CLOCKS_MS = [0, 0, 0, 0, -300_000, 300_000, 30 * 86_400_000] as const;
/** Share of rounds that somebody asks for. */
const ASKED = 0.3;

/** One ledger's D1 as a reconciliation asks it, whatever else is going on. */
export function reconcilableSim({ database: { db } }: SimLedger, now: Clock): ReconcilableLedger {
  const store = d1Reconciliation(db);
  return {
    ...store,
    progress: async () => ({ ...(await store.progress()), nowMs: now() }),
    books: ({ withSums }) => store.books(now() - DELIVERY_SLA_MS, withSums),
    passedAccounts: (step) => store.passedAccounts(step, now()),
  };
}

/**
 * Reconciles again and again while everything goes wrong, from where the last round ended: by a
 * clock that is wrong at times, and with random numbers of its own, so that the world is the same
 * without. Nothing is lost in it, so that whatever is told is told wrongly.
 */
export class LedgerRounds {
  readonly #world: LedgerWorld;
  readonly #random: () => number;

  constructor(world: LedgerWorld, seed: number) {
    this.#world = world;
    this.#random = mulberry32(seed);
  }

  async reconcile(): Promise<void> {
    const { kernel, ledgers, counters } = this.#world;
    const aheadMs = CLOCKS_MS[Math.floor(this.#random() * CLOCKS_MS.length)] ?? 0;
    let { nowMs } = kernel;
    const now = (): number => nowMs;
    const { mismatches, through } = await reconcile({
      ledgers: {
        wallet: reconcilableSim(ledgers.wallet, now),
        savings: reconcilableSim(ledgers.savings, now),
      },
      now: () => nowMs + aheadMs,
      sleep: async (ms) => void (nowMs += ms),
      round: this.#random() < ASKED ? ASKED_FOR : BY_ITSELF,
    });
    const [wrong] = mismatches.filter(({ kind }) => kind !== "late_message");
    must(
      wrong === undefined,
      `a round of the reconciliation tells nothing where nothing is lost (${wrong?.kind} in ${wrong?.ledger})`,
    );
    if (through !== null) counters.note("transfers passed by a reconciliation in between");
  }
}
