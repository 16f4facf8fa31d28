import { DurableObject } from "cloudflare:workers";
import type { PolicyAsk, QuotaView, RateWindowRpc } from "../../contracts/durable.ts";
import type { RateAnswer } from "../../resilience/rate-limit.ts";
import type { ClientWindows } from "../biz/client-windows.ts";
import { readAsks } from "./read-asks.ts";

/** The object around a client's windows. Its answers leave when what they grant is durable: the runtime's output gate sees to that. */
export function rateWindowObject<E extends object>(wireWindows: (state: DurableObjectState, alarmAtMs: number | null) => ClientWindows) {
  return class RateWindowObject extends DurableObject<E> implements RateWindowRpc {
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

    override async alarm(): Promise<void> {
      this.#ready.onAlarm();
    }
  };
}
