import { DurableObject } from "cloudflare:workers";
import { breakerReportSchema, callsSeenSchema } from "../../contracts/durable-schemas.ts";
import type {
  BreakerStateRpc,
  CallsSeen,
  SharedBreakerView,
  WorkersReport,
} from "../../contracts/durable.ts";
import { validate } from "../../platform/validate.ts";
import type { ReportPace } from "../../resilience/breaker/report-turns.ts";
import type { BreakerVerdict } from "../../resilience/breaker/shared-breaker-state.ts";
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

    async report(report: WorkersReport): Promise<BreakerVerdict> {
      // The schema's optional member may also be there and be undefined, which says the same.
      return this.#breaker.report(validate(breakerReportSchema, report, "report") as WorkersReport);
    }

    async observe(seen: CallsSeen): Promise<ReportPace | void> {
      return this.#breaker.observe(validate(callsSeenSchema, seen, "seen") as CallsSeen);
    }

    async view(): Promise<SharedBreakerView> {
      return this.#breaker.view();
    }
  };
}
