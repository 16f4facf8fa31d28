import type { LedgerName } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import { isGivenUp, LEASE_MS, pauseAfter, type DeliverySchedule } from "./delivery-schedule.ts";
import type { Delivery } from "./delivery.ts";
import type { DeliverySender, DueMessage, OutboxStore } from "./ports.ts";

interface PublisherDeps {
  readonly ledger: LedgerName;
  readonly outbox: OutboxStore;
  readonly sender: DeliverySender;
  readonly schedule: DeliverySchedule;
  readonly now: Clock;
  readonly random: () => number;
}

/** Messages in one send: a queue takes 100. */
const BATCH_MAX = 100;
/** Batches in one run: the next run takes up where this one ends. */
const BATCHES_PER_RUN_MAX = 10;

/**
 * The polling publisher: sends what is due and has not been confirmed. Leases first and sends then: a send that fails, or whose publisher
 * dies, is due again at the time that the lease has set.
 */
export class Publisher {
  readonly #deps: PublisherDeps;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** Sends what is due, up to a bound. Answers when there is something to do again: null where nothing is under way. */
  async publishDue(): Promise<number | null> {
    const { outbox, now } = this.#deps;
    for (let batch = 0; batch < BATCHES_PER_RUN_MAX; batch += 1) {
      const due = await outbox.due(now(), BATCH_MAX);
      if (due.length === 0) break;
      await this.#sendBatch(due);
    }
    return outbox.nextAtMs();
  }

  async #sendBatch(due: readonly DueMessage[]): Promise<void> {
    const { ledger, outbox, sender, schedule, now, random } = this.#deps;
    const nowMs = now();
    const tried = due.filter((message) => !isGivenUp(schedule, message, nowMs));
    for (const { id, attempts, lastError } of due.filter((message) => !tried.includes(message))) {
      await outbox.park(id, attempts, `given up: ${lastError ?? "nothing was heard of it"}`);
    }
    const leases = tried.map(({ id, attempts }) => ({
      id,
      attempts,
      nextAtMs: nowMs + pauseAfter(schedule, attempts + 1, random()),
    }));
    const taken = new Set(leases.length === 0 ? [] : await outbox.lease(leases, nowMs, nowMs + LEASE_MS));
    const deliveries = tried
      .filter(({ id }) => taken.has(id))
      .map(({ id, userId, amount, attempts, keyDigest }): Delivery => {
        const key = keyDigest === null ? {} : { keyDigest };
        return { v: 1, transferId: id, from: ledger, userId, amount, attempt: attempts + 1, ...key };
      });
    if (deliveries.length > 0) await sender.send(deliveries);
  }
}
