import type { LedgerName } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import { Gcra } from "../../resilience/quota/gcra.ts";
import { isGivenUp, LEASE_MS, pauseAfter, type DeliverySchedule } from "./delivery-schedule.ts";
import type { Delivery } from "./delivery.ts";
import type { DeliverySender, DueMessage, OutboxStore } from "./ports.ts";

interface PublisherDeps {
  readonly ledger: LedgerName;
  readonly outbox: OutboxStore;
  readonly sender: DeliverySender;
  readonly schedule: DeliverySchedule;
  /** What leaves here in a second at most, whatever is due: 1 … 10,000. */
  readonly deliveriesPerSecond: number;
  readonly now: Clock;
  readonly random: () => number;
}

/** Messages in one send: a queue takes 100. */
const BATCH_MAX = 100;
/** Batches in one run: the next run takes up where this one ends. */
const BATCHES_PER_RUN_MAX = 10;
/** Runs in a second while more is due than may leave. */
const RUNS_PER_SECOND = 4;

/**
 * The polling publisher: sends what is due and has not been confirmed. Leases first and sends then:
 * a send that fails, or whose publisher dies, is due again at the time that the lease has set.
 *
 * What is due leaves through a leaky bucket: a receiver that is back after an outage, or a redrive
 * of thousands, would else be flooded. The bucket is kept in memory: a publisher that starts anew
 * sends a second's worth more than it may. The fast path doesn't come through here.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #bucket: Gcra;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#bucket = new Gcra({ limit: deps.deliveriesPerSecond, windowMs: 1_000 });
  }

  /**
   * Sends what is due, up to a bound. Answers when there is something to do again: null where
   * nothing is under way.
   */
  async publishDue(): Promise<number | null> {
    const { outbox, now, deliveriesPerSecond } = this.#deps;
    const worthwhile = Math.ceil(deliveriesPerSecond / RUNS_PER_SECOND);
    let isHeldBack = false;
    for (let batch = 0; batch < BATCHES_PER_RUN_MAX; batch += 1) {
      const allowed = Math.min(BATCH_MAX, this.#bucket.peek(now(), 0).remaining);
      isHeldBack = allowed < worthwhile && allowed < BATCH_MAX;
      if (isHeldBack) break;
      const due = await outbox.due(now(), allowed);
      if (due.length === 0) break;
      await this.#sendBatch(due);
    }
    const nextAtMs = await outbox.nextAtMs();
    return nextAtMs === null || !isHeldBack ? nextAtMs : Math.max(nextAtMs, now() + 1_000 / RUNS_PER_SECOND);
  }

  async #sendBatch(due: readonly DueMessage[]): Promise<void> {
    const { ledger, outbox, sender, schedule, now, random } = this.#deps;
    const nowMs = now();
    const tried = due.filter((message) => !isGivenUp(schedule, message, nowMs));
    for (const { id, attempts, lastError } of due.filter((message) => !tried.includes(message))) {
      await outbox.park(id, attempts, `given up: ${lastError ?? "nothing was heard of it"}`);
    }
    const leases = tried.map(({ id, attempts, attemptsBefore }) => ({
      id,
      attempts,
      nextAtMs: nowMs + pauseAfter(schedule, attempts + 1 - attemptsBefore, random()),
    }));
    const taken = new Set(leases.length === 0 ? [] : await outbox.lease(leases, nowMs, nowMs + LEASE_MS));
    const deliveries = tried
      .filter(({ id }) => taken.has(id))
      .map(({ id, userId, amount, attempts, keyDigest }): Delivery => {
        const key = keyDigest === null ? {} : { keyDigest };
        return { v: 1, transferId: id, from: ledger, userId, amount, attempt: attempts + 1, ...key };
      });
    if (deliveries.length === 0) return;
    this.#bucket.absorb(nowMs, deliveries.length);
    await sender.send(deliveries);
  }
}
