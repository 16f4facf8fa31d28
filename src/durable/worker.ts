import { breakerStateObject } from "./service/breaker-state-object.ts";
import { faultBoardObject } from "./service/fault-board-object.ts";
import { rateWindowObject } from "./service/rate-window-object.ts";
import { frame, wireBreaker, wireFaults, wireWindows } from "./wire.ts";

export class RateWindow extends rateWindowObject<DurableEnv>(wireWindows, frame) {}
export class BreakerState extends breakerStateObject<DurableEnv>(wireBreaker) {}
export class FaultBoard extends faultBoardObject<DurableEnv>(wireFaults) {}

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler<DurableEnv>;
