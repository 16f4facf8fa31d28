import {
  BreakerState as RealBreakerState,
  FaultBoard,
  RateWindow as RealRateWindow,
} from "../../src/durable/worker.ts";

const counts = { "RateWindow.ask": 0, "BreakerState.report": 0 };

export class RateWindow extends RealRateWindow {
  override ask(...args: Parameters<RealRateWindow["ask"]>): ReturnType<RealRateWindow["ask"]> {
    counts["RateWindow.ask"] += 1;
    return super.ask(...args);
  }
}

export class BreakerState extends RealBreakerState {
  override report(...args: Parameters<RealBreakerState["report"]>): ReturnType<RealBreakerState["report"]> {
    counts["BreakerState.report"] += 1;
    return super.report(...args);
  }
}

export { FaultBoard };

/** Objects of one worker share an isolate here, so that this sees what they counted. */
export default { fetch: () => Response.json(counts) } satisfies ExportedHandler;
