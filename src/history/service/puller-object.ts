import { DurableObject } from "cloudflare:workers";
import type { BusStatus } from "../../contracts/history.ts";
import type { BusPuller } from "../biz/bus-puller.ts";
import type { PullerRpc } from "../biz/ports.ts";

/** The Durable Object around one {@link BusPuller}. */
export function pullerObject<E extends object>(wirePuller: (state: DurableObjectState, env: E) => BusPuller) {
  return class HistoryPuller extends DurableObject<E> implements PullerRpc {
    readonly #puller: BusPuller;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#puller = wirePuller(state, env);
    }

    async wake(): Promise<void> {
      await this.#puller.wake();
    }

    async status(): Promise<BusStatus> {
      return this.#puller.status();
    }

    override async alarm(alarm?: AlarmInvocationInfo): Promise<void> {
      await this.#puller.onAlarm(alarm?.isRetry ?? false);
    }
  };
}
