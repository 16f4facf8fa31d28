import { DurableObject } from "cloudflare:workers";
import { breakerReportSchema } from "../../contracts/durable-schemas.ts";
import type { BreakerStateRpc, SharedBreakerView } from "../../contracts/durable.ts";
import { validate } from "../../platform/validate.ts";
import type { BreakerReport, BreakerVerdict } from "../../resilience/breaker-ledger.ts";
import type { UpstreamBreaker } from "../biz/upstream-breaker.ts";

/** The object around the shared breaker of one upstream. */
export function breakerStateObject<E extends object>(
  wireBreaker: (state: DurableObjectState) => UpstreamBreaker,
) {
  return class BreakerState extends DurableObject<E> implements BreakerStateRpc {
    readonly #breaker: UpstreamBreaker;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#breaker = wireBreaker(state);
    }

    async report(report: BreakerReport): Promise<BreakerVerdict> {
      return this.#breaker.report(validate(breakerReportSchema, report, "report"));
    }

    async view(): Promise<SharedBreakerView> {
      return this.#breaker.view();
    }
  };
}
