import { DurableObject } from "cloudflare:workers";
import type { Fault, FaultBoardRpc, FaultTarget } from "../../contracts/durable.ts";
import type { FaultsInForce } from "../biz/faults-in-force.ts";

/** The one object that every guarded call asks where fault injection is on. */
export function faultBoardObject<E extends object>(wireFaults: (state: DurableObjectState) => FaultsInForce) {
  return class FaultBoardObject extends DurableObject<E> implements FaultBoardRpc {
    readonly #faults: FaultsInForce;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#faults = wireFaults(state);
    }

    async faultOf(bootId: string, target: FaultTarget): Promise<Fault | null> {
      return this.#faults.of(bootId, target);
    }

    async set(bootId: string, target: FaultTarget, fault: Fault | null): Promise<void> {
      this.#faults.set(bootId, target, fault);
    }

    async all(bootId: string): Promise<Readonly<Partial<Record<FaultTarget, Fault>>>> {
      return this.#faults.all(bootId);
    }
  };
}
