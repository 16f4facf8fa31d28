import { ClientWindows } from "./biz/client-windows.ts";
import { FaultsInForce } from "./biz/faults-in-force.ts";
import type { ObjectStore } from "./biz/ports.ts";
import { UpstreamBreaker } from "./biz/upstream-breaker.ts";
import { objectStore } from "./data/object-store.ts";

const now = Date.now;

function storeOf({ storage }: DurableObjectState): ObjectStore {
  return objectStore({ kv: storage.kv, setAlarm: (atMs) => storage.setAlarm(atMs) });
}

export const wireWindows = (state: DurableObjectState, alarmIsSet: boolean): ClientWindows =>
  new ClientWindows(storeOf(state), now, alarmIsSet);
export const wireBreaker = (state: DurableObjectState): UpstreamBreaker => new UpstreamBreaker(storeOf(state), now);
export const wireFaults = (state: DurableObjectState): FaultsInForce => new FaultsInForce(storeOf(state), now);
