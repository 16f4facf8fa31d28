import { REALTIME_OPS, type DevicesBody } from "../../contracts/realtime.ts";
import type { CometIndex } from "./comet-index.ts";
import type { Connection } from "./connection.ts";
import { jsonPacket } from "./packets.ts";

type Device = DevicesBody["devices"][number];

/** Tells a user's devices of each other, when something has changed. */
export class DeviceList {
  readonly #index: CometIndex;
  /** What the sockets of each user were told last. */
  readonly #told = new Map<string, string>();

  constructor(index: CometIndex) {
    this.#index = index;
  }

  /** Sockets of the user have come or gone. A newcomer is told in any case. */
  changed(userId: string, newcomer?: Connection): void {
    const listeners = this.#index.listenersOf(userId);
    if (listeners.length === 0) {
      this.#told.delete(userId);
      return;
    }
    const devices = devicesOf(listeners);
    const list = JSON.stringify(devices);
    const isNews = this.#told.get(userId) !== list;
    this.#told.set(userId, list);
    const bytes = jsonPacket(REALTIME_OPS.devices, 0, { devices } satisfies DevicesBody);
    for (const listener of listeners) if (isNews || listener === newcomer) listener.send(bytes);
  }
}

/** Each device once, those connected longest first; one with several sockets since the first. */
function devicesOf(connections: readonly Connection[]): readonly Device[] {
  const devices = new Map<string, Device>();
  const byAge = connections.toSorted((one, other) => one.state.openedAtMs - other.state.openedAtMs);
  for (const { state } of byAge) {
    if (state.device === null || devices.has(state.device.id)) continue;
    devices.set(state.device.id, { ...state.device, since: state.openedAtMs });
  }
  return [...devices.values()];
}
