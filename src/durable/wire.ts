import { ClientWindows } from "./biz/client-windows.ts";
import { FaultsInForce } from "./biz/faults-in-force.ts";
import type { ObjectStore } from "./biz/ports.ts";
import { UpstreamBreaker } from "./biz/upstream-breaker.ts";
import { objectStore } from "./data/object-store.ts";
import { createLogger } from "../platform/logger.ts";

const now = Date.now;

/** What these objects do is told by those who ask them; here only what nobody asked for. */
export const logger = createLogger({ worker: "playhead-durable", level: "warn" });

function storeOf({ storage }: DurableObjectState): ObjectStore {
  return objectStore({ kv: storage.kv, setAlarm: (atMs) => storage.setAlarm(atMs) });
}

export const wireWindows = (state: DurableObjectState, alarmAtMs: number | null): ClientWindows =>
  new ClientWindows(storeOf(state), now, alarmAtMs);
export const wireBreaker = (state: DurableObjectState): UpstreamBreaker => new UpstreamBreaker(storeOf(state), now);
export const wireFaults = (state: DurableObjectState): FaultsInForce => new FaultsInForce(storeOf(state), now);
