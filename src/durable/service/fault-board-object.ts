import { DurableObject } from "cloudflare:workers";
import { bootIdSchema, faultSchema, faultTargetSchema } from "../../contracts/durable-schemas.ts";
import type { Fault, FaultBoardRpc, FaultTarget } from "../../contracts/durable.ts";
import { validate } from "../../platform/validate.ts";
import type { FaultsInForce } from "../biz/faults-in-force.ts";

/** The one object that every guarded call asks where fault injection is on. */
export function faultBoardObject<E extends object>(wireFaults: (state: DurableObjectState) => FaultsInForce) {
  return class FaultBoard extends DurableObject<E> implements FaultBoardRpc {
    readonly #faults: FaultsInForce;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#faults = wireFaults(state);
    }

    async faultOf(bootId: string, target: FaultTarget): Promise<Fault | null> {
      return this.#faults.of(
        validate(bootIdSchema, bootId, "bootId"),
        validate(faultTargetSchema, target, "target"),
      );
    }

    async set(bootId: string, target: FaultTarget, fault: Fault | null): Promise<void> {
      const order = validate(faultSchema, fault, "fault");
      this.#faults.set(
        validate(bootIdSchema, bootId, "bootId"),
        validate(faultTargetSchema, target, "target"),
        order,
      );
    }

    async all(bootId: string): Promise<Readonly<Partial<Record<FaultTarget, Fault>>>> {
      return this.#faults.all(validate(bootIdSchema, bootId, "bootId"));
    }
  };
}
