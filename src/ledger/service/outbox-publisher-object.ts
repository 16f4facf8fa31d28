import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { validate } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";

export interface OutboxPublisherDeps {
  /** Makes one run. Answers when to run again, null where nothing is under way. */
  readonly publishOnce: () => Promise<number | null>;
}

/** What is there also where a ledger can't be wired. */
export interface OutboxPublisherFrame {
  readonly logger: Logger;
  readonly now: Clock;
}

/** What the ledger's worker asks of its publisher. */
export interface OutboxPublisherRpc {
  /** Sees to it that a run begins at `atMs` at the latest. Answers when the next one begins. */
  wake(atMs: number): Promise<number>;
}

const timeSchema = z.int().min(0);

/** An alarm that is overdue by more is taken for lost, in ms. */
const ALARM_LOST_MS = 10_000;
/** After an alarm that could do nothing, in ms. */
const RETRY_MS = 60_000;

/**
 * The polling publisher's clock: an alarm that is set while something is under way. It never
 * throws, since the platform gives up on one that does, and it sets itself again; should it be lost
 * or refused nevertheless, whoever wakes it next sets it anew: the cron at the latest.
 */
export function outboxPublisherObject<E extends object>(
  wire: (env: E) => OutboxPublisherDeps,
  { logger, now }: OutboxPublisherFrame,
) {
  return class OutboxPublisher extends DurableObject<E> implements OutboxPublisherRpc {
    async wake(givenMs: number): Promise<number> {
      const atMs = validate(timeSchema, givenMs, "atMs");
      const { storage } = this.ctx;
      const armedAtMs = await storage.getAlarm();
      const isLost = armedAtMs === null || armedAtMs < now() - ALARM_LOST_MS;
      if (!isLost && armedAtMs <= atMs) return armedAtMs;
      await storage.setAlarm(atMs);
      return atMs;
    }

    override async alarm(): Promise<void> {
      try {
        const nextAtMs = await this.#run();
        // Somebody may have woken it during the run.
        if (nextAtMs !== null) await this.wake(nextAtMs);
      } catch (error) {
        logger.error("the publisher's alarm was not set", { ...failureFields(error) });
      }
    }

    /**
     * A ledger that can't be wired has no loop that could fail for it, and is tried again like one
     * whose run has failed.
     */
    async #run(): Promise<number | null> {
      try {
        return await wire(this.env).publishOnce();
      } catch (error) {
        logger.error("the publisher did not run", { ...failureFields(error) });
        return now() + RETRY_MS;
      }
    }
  };
}
