import { describeCauses, isCode } from "../../contracts/errors.ts";
import type { DeliveryReport } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import { CHANGES_WITHIN_MS } from "./delivery-schedule.ts";
import { deliverySchema, unreadableDeliverySchema, type Delivery } from "./delivery.ts";
import type { DeadLetterStore, Ids, InboxStore, PeerLedger, WakePublisher } from "./ports.ts";

interface ReceiverDeps {
  readonly store: InboxStore;
  readonly deadLetters: DeadLetterStore;
  readonly peer: PeerLedger;
  readonly wakePublisher: WakePublisher;
  readonly ids: Ids;
  readonly now: Clock;
}

/** One message as the queue hands it over. */
export interface IncomingMessage {
  readonly id: string;
  readonly body: unknown;
  readonly attempts: number;
}

const REASON_CHARS_MAX = 300;

/**
 * The destination's side: credits each delivery once and tells the origin what is stored. What
 * can't be credited is reported as well: the origin's outbox owns the retries. Throws only where
 * the origin can't be told, or the account may spend no more, so that the queue brings the message
 * again.
 */
export class Receiver {
  readonly #deps: ReceiverDeps;

  constructor(deps: ReceiverDeps) {
    this.#deps = deps;
  }

  async receive(message: IncomingMessage): Promise<void> {
    const parsed = deliverySchema.safeParse(message.body);
    if (!parsed.success) return this.#refuseUnreadable(message);
    if (parsed.data.from !== this.#deps.peer.name)
      return this.#keep(message, "it is not from the other ledger");
    await this.#deps.peer.report(await this.#credit(parsed.data));
  }

  /**
   * A message that the queue gave up on. Its origin sends it again; here it is kept for operators
   * to see.
   */
  keepDeadLetter(message: IncomingMessage): Promise<void> {
    return this.#keep(message, "the queue gave up on it");
  }

  async #credit(delivery: Delivery): Promise<DeliveryReport> {
    const { store, ids, now, wakePublisher } = this.#deps;
    const { transferId, attempt } = delivery;
    try {
      const nowMs = now();
      // Before the batch, whose answer may be lost: what it has committed is to be published too.
      wakePublisher(nowMs + CHANGES_WITHIN_MS);
      const stored = await store.credit(delivery, ids.token(), nowMs);
      if (stored === null) {
        return {
          transferId,
          result: "failed",
          attempt,
          reason: "the account is closed or would hold too much",
          permanent: true,
        };
      }
      return { transferId, result: stored };
    } catch (error) {
      // Nothing was credited, and the origin can write no attempt down: the message stays here.
      if (isCode(error, "SPENDING_CAP")) throw error;
      // Whether it was credited is not known; the next attempt will find out.
      return {
        transferId,
        result: "failed",
        attempt,
        reason: describeCauses(error).slice(0, REASON_CHARS_MAX),
        permanent: false,
      };
    }
  }

  async #refuseUnreadable(message: IncomingMessage): Promise<void> {
    await this.#keep(message, "it can't be read");
    const named = unreadableDeliverySchema.safeParse(message.body);
    if (!named.success) return;
    const { transferId, attempt } = named.data;
    const reason = "the receiving ledger can't read the message";
    await this.#deps.peer.report({ transferId, result: "failed", attempt, reason, permanent: true });
  }

  #keep({ id, body, attempts }: IncomingMessage, reason: string): Promise<void> {
    return this.#deps.deadLetters.keep({ id, body, reason, attempts });
  }
}
