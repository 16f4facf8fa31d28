import { LEDGERS, type LedgerName } from "../../../src/contracts/ledger.ts";
import { reconcile } from "../../../src/bff/ops/reconcile.ts";
import { must } from "../kernel/broken-invariant.ts";
import { checkBalances, checkBooks, checkStream } from "./ledger-invariants.ts";
import type { LedgerModel } from "./ledger-model.ts";
import { reconcilableSim } from "./ledger-rounds.ts";
import { numberIn, rowsIn } from "./ledger-rows.ts";
import { checkStreamAtEnd } from "./ledger-stream.ts";
import type { LedgerWorld, SimLedger } from "./sim-ledger.ts";

/**
 * What must be true of a world in which everything has been healed for long enough. Throws
 * {@link BrokenInvariant}.
 */
export type Judge = (world: LedgerWorld, model: LedgerModel) => Promise<void>;

/** A day less than is promised: clocks differ. */
const LETTERS_KEPT_MS = 29 * 86_400_000;

/** The shadow's word alone: who has how much. */
export const judgeBalances: Judge = async ({ ledgers }, model) => {
  checkBalances(ledgers, model);
};

/**
 * The reconciliation's word alone, as operators get it: it knows both ledgers and nothing of what
 * anybody was promised.
 */
export const judgeReconciliation: Judge = async ({ ledgers, kernel }) => {
  let { nowMs } = kernel;
  const now = (): number => nowMs;
  const { ok, mismatches } = await reconcile({
    ledgers: { wallet: reconcilableSim(ledgers.wallet, now), savings: reconcilableSim(ledgers.savings, now) },
    now,
    sleep: async (ms) => void (nowMs += ms),
  });
  const [first] = mismatches;
  must(ok, `reconciliation: ${first === undefined ? "the sums differ" : `${first.kind} in ${first.ledger}`}`);
};

/** Everything. */
export const judgeAll: Judge = async (world, model) => {
  const { ledgers } = world;
  checkBooks(ledgers, model);
  for (const name of LEDGERS) {
    checkSettled(ledgers[name]);
    if (world.stream === "on") {
      checkComplete(ledgers[name]);
      checkChanges(ledgers[name]);
    } else checkStreamAtEnd(ledgers[name], world.stream);
    checkLetters(world, ledgers[name]);
    for (const [send, times] of ledgers[name].sends)
      must(times === 1, `${name}: no attempt is sent twice (${send})`);
  }
  for (const { from, user, key, ended, isRejected } of model.transfers.values())
    must(
      ended !== null || isRejected || !isTaken(model, from, user, key),
      `${from} ${user} ${key}: its caller knows how it ended`,
    );
  checkBalances(ledgers, model);
  checkAudit(ledgers, model);
  await judgeReconciliation(world, model);
};

function isTaken(model: LedgerModel, from: LedgerName, user: string, key: string): boolean {
  return model.transfer(from, user, key).transferId !== null;
}

function checkSettled(ledger: SimLedger): void {
  const { name } = ledger;
  must(numberIn(ledger, "SELECT count(*) FROM outbox") === 0, `${name}: nothing is under way any more`);
  must(
    numberIn(ledger, "SELECT count(*) FROM transfer WHERE outcome = 'pending'") === 0,
    `${name}: every transfer has ended`,
  );
  must(
    numberIn(ledger, "SELECT coalesce(sum(in_flight), 0) FROM account") === 0,
    `${name}: nothing is in flight`,
  );
}

function checkComplete(ledger: SimLedger): void {
  must(
    checkStream(ledger) === numberIn(ledger, "SELECT coalesce(max(seq), 0) FROM change_log"),
    `${ledger.name}: the change stream is complete`,
  );
}

/** The changes tell each user's movements, in their order, and the balance after each. */
function checkChanges(ledger: SimLedger): void {
  const { name, published } = ledger;
  const changes = new Map(published.flat().map((change) => [change.seq, change]));
  const balances = new Map<string, number>();
  for (const { userId, transferId, amount, balance } of [...changes.values()].toSorted(
    (a, b) => a.seq - b.seq,
  )) {
    const sum = (balances.get(userId) ?? 0) + amount;
    balances.set(userId, sum);
    must(balance === sum, `${name}: a change tells the balance after it`);
    const entry =
      "SELECT count(*) FROM entry WHERE account_id = 'user:' || ?1 AND transfer_id = ?2 AND amount = ?3";
    must(numberIn(ledger, entry, userId, transferId, amount) === 1, `${name}: a change tells an entry`);
  }
  must(
    changes.size === numberIn(ledger, "SELECT count(*) FROM entry WHERE account_id LIKE 'user:%'"),
    `${name}: each entry is told`,
  );
}

/** What nobody can read is kept for weeks. */
function checkLetters({ kernel }: LedgerWorld, ledger: SimLedger): void {
  const kept = new Set(rowsIn(ledger, "SELECT id FROM dead_letter").map(({ id }) => id));
  for (const { id, atMs } of ledger.poison)
    must(
      kept.has(id) || kernel.nowMs - atMs > LETTERS_KEPT_MS,
      `${ledger.name}: what nobody can read is kept`,
    );
}

const REFUNDED = "SELECT id FROM transfer WHERE operation = 'transfer' AND outcome = 'refunded'";
const ASKED_FOR = "SELECT count(*) FROM audit WHERE action = 'refund' AND target = ?1";

/** Whatever operators were told that they did has its line, and no refund is without one. */
function checkAudit(ledgers: LedgerWorld["ledgers"], model: LedgerModel): void {
  for (const [action, told] of Object.entries(model.audited)) {
    const lines = LEDGERS.reduce(
      (sum, name) => sum + numberIn(ledgers[name], "SELECT count(*) FROM audit WHERE action = ?1", action),
      0,
    );
    must(lines >= told, `each ${action} is in the audit trail`);
  }
  for (const name of LEDGERS) {
    for (const { id } of rowsIn(ledgers[name], REFUNDED))
      must(numberIn(ledgers[name], ASKED_FOR, String(id)) > 0, `${name}: each refund is in the audit trail`);
  }
}
