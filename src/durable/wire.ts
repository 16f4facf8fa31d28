import { ClientWindows } from "./biz/client-windows.ts";
import { FaultsInForce } from "./biz/faults-in-force.ts";
import { UpstreamBreaker } from "./biz/upstream-breaker.ts";
import { objectStore } from "./data/object-store.ts";
import { createLogger } from "../platform/logger.ts";

const now = Date.now;

/** What these objects do is told by those who ask them; here only what nobody asked for. */
export const frame = { logger: createLogger({ worker: "playhead-durable", level: "warn" }), now };

export const wireWindows = ({ storage }: DurableObjectState, alarmAtMs: number | null): ClientWindows =>
  new ClientWindows(objectStore(storage), now, alarmAtMs);
export const wireBreaker = ({ storage }: DurableObjectState): UpstreamBreaker =>
  new UpstreamBreaker(objectStore(storage), now);
export const wireFaults = ({ storage }: DurableObjectState): FaultsInForce =>
  new FaultsInForce(objectStore(storage), now);
