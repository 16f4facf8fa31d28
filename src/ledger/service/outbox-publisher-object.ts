import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import { describeCauses } from "../../contracts/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { validate } from "../../platform/validate.ts";

export interface OutboxPublisherDeps {
  /** Makes one run. Never throws. Answers when to run again, null where nothing is under way. */
  readonly publishOnce: () => Promise<number | null>;
  readonly logger: Logger;
}

/** What the ledger's worker asks of its publisher. */
export interface OutboxPublisherRpc {
  /** Sees to it that a run begins at `atMs` at the latest. Answers when the next one begins. */
  wake(atMs: number): Promise<number>;
}

const timeSchema = z.int().min(0);

/**
 * The polling publisher's clock: an alarm that is set while something is under way. It never throws, since the platform gives up on an
 * alarm that does, and it sets itself again; should it be lost nevertheless, the cron wakes it.
 */
export function outboxPublisherObject<E extends object>(wire: (env: E) => OutboxPublisherDeps) {
  return class OutboxPublisherObject extends DurableObject<E> implements OutboxPublisherRpc {
    async wake(givenMs: number): Promise<number> {
      const atMs = validate(timeSchema, givenMs, "atMs");
      const { storage } = this.ctx;
      const armedAtMs = await storage.getAlarm();
      if (armedAtMs !== null && armedAtMs <= atMs) return armedAtMs;
      await storage.setAlarm(atMs);
      return atMs;
    }

    override async alarm(): Promise<void> {
      const { publishOnce, logger } = wire(this.env);
      const nextAtMs = await publishOnce();
      if (nextAtMs === null) return;
      try {
        // Somebody may have woken it during the run.
        await this.wake(nextAtMs);
      } catch (error) {
        logger.error("the publisher's alarm was not set", { causes: describeCauses(error) });
      }
    }
  };
}
