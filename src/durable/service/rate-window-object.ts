import { DurableObject } from "cloudflare:workers";
import type { PolicyAsk, QuotaView, RateWindowRpc } from "../../contracts/durable.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { RateAnswer } from "../../resilience/quota/rate-limit.ts";
import type { ClientWindows } from "../biz/client-windows.ts";
import { readAsks } from "./read-asks.ts";

type WireWindows = (state: DurableObjectState, alarmAtMs: number | null) => ClientWindows;

/** After an alarm that failed, in ms: what is not forgotten now can be later. */
const ALARM_RETRY_MS = 60_000;

/**
 * The object around a client's windows. Its answers leave when what they grant is durable: the
 * runtime's output gate sees to that.
 */
export function rateWindowObject<E extends object>(
  wireWindows: WireWindows,
  { logger, now }: { readonly logger: Logger; readonly now: Clock },
) {
  return class RateWindow extends DurableObject<E> implements RateWindowRpc {
    #windows: ClientWindows | null = null;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      void state.blockConcurrencyWhile(async () => {
        this.#windows = wireWindows(state, await state.storage.getAlarm());
      });
    }

    get #ready(): ClientWindows {
      if (this.#windows === null) throw new Error("the windows were asked before they were loaded");
      return this.#windows;
    }

    async ask(given: readonly PolicyAsk[]): Promise<readonly (RateAnswer | null)[]> {
      const asks = readAsks(given);
      const answers = this.#ready.ask(asks.filter((one) => one !== null)).values();
      return asks.map((one) => (one === null ? null : (answers.next().value ?? null)));
    }

    async view(): Promise<readonly QuotaView[]> {
      return this.#ready.view();
    }

    /**
     * Never throws while an alarm can be set: the platform gives up on one that does, and a client
     * that has gone makes no call that would wake it.
     */
    override async alarm(): Promise<void> {
      try {
        this.#ready.onAlarm();
      } catch (error) {
        logger.error("windows not forgotten", { ...failureFields(error) });
        await this.ctx.storage.setAlarm(now() + ALARM_RETRY_MS);
      }
    }
  };
}
