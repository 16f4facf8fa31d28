import type { DeliveryReport } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import { CHANGES_WITHIN_MS, isGivenUp, type DeliverySchedule } from "./delivery-schedule.ts";
import { readStoredOutcome } from "./stored-outcome.ts";
import type { Ids, InboxStore, OutboxStore, StoredOutcome, TellSettled, WakePublisher } from "./ports.ts";

interface SettlementDeps {
  readonly outbox: OutboxStore;
  readonly inbox: Pick<InboxStore, "fence">;
  readonly schedule: DeliverySchedule;
  readonly wakePublisher: WakePublisher;
  readonly tellSettled: TellSettled;
  readonly ids: Ids;
  readonly now: Clock;
}

/**
 * What the two ledgers tell each other beside messages. Reports may come twice, late and in any
 * order.
 */
export class Settlement {
  readonly #deps: SettlementDeps;

  constructor(deps: SettlementDeps) {
    this.#deps = deps;
  }

  async report(report: DeliveryReport): Promise<void> {
    if (report.result === "failed") return this.#failed(report);
    return this.conclude(report.transferId, readStoredOutcome(report.result, "the other ledger"));
  }

  /** Acts on what the other ledger has stored: the only two ways in which a transfer ends. */
  async conclude(transferId: string, stored: StoredOutcome): Promise<void> {
    const { outbox, ids, now, wakePublisher, tellSettled } = this.#deps;
    const nowMs = now();
    if (stored === "credited") {
      const settled = await outbox.settle(transferId, nowMs);
      if (settled !== null) tellSettled(settled);
      return;
    }
    // Types end at the worker's edge: what is neither ends no transfer.
    if (stored !== "void") return void readStoredOutcome(stored, "the other ledger");
    await outbox.reverse(transferId, { id: ids.id(), nowMs });
    // For the change stream: a refund is a movement like any other.
    wakePublisher(nowMs + CHANGES_WITHIN_MS);
  }

  fence(transferId: string): Promise<StoredOutcome> {
    const { inbox, ids, now } = this.#deps;
    return inbox.fence(transferId, ids.token(), now());
  }

  async #failed({
    transferId,
    attempt,
    reason,
    permanent,
  }: Extract<DeliveryReport, { result: "failed" }>): Promise<void> {
    const { outbox, schedule, now, wakePublisher } = this.#deps;
    const message = await outbox.message(transferId);
    // Settled, refunded, or sent again since: that send will be reported by itself.
    if (message === null || message.attempts !== attempt) return;
    if (permanent) return outbox.park(transferId, attempt, reason);
    if (isGivenUp(schedule, message, now())) return outbox.park(transferId, attempt, `given up: ${reason}`);
    // The sender has set when it is sent again: this machine's clock has no part in that.
    const nextAtMs = await outbox.release(transferId, attempt, reason);
    if (nextAtMs !== null) wakePublisher(nextAtMs);
  }
}
