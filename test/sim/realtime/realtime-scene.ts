import type { Kernel } from "../kernel/kernel.ts";
import type { RealtimeCounters } from "./realtime-counters.ts";
import type { RealtimeMutation } from "./realtime-mutation.ts";
import type { DeviceEnd, SimLine } from "./sim-line.ts";

/** How hard a world is. */
export interface RealtimeHardship {
  /** How wrong clocks of objects are, in ms. */
  readonly skewMsMax: number;
}

/** What the objects of a simulated world see of it. */
export interface RealtimeScene {
  readonly kernel: Kernel;
  readonly counters: RealtimeCounters;
  readonly hardship: RealtimeHardship;
  readonly mutation: RealtimeMutation;
  /** Takes note of what must hold and does not. */
  hold(holds: boolean, what: string): void;
}

/** A device, as the others know it. */
export interface NamedDevice {
  readonly userId: string;
  readonly name: string;
}

/** What devices see of it. */
export interface DeviceScene extends RealtimeScene {
  readonly shard: {
    readonly durable: {
      readonly positions: ReadonlySet<number>;
      readonly latestMs: ReadonlyMap<string, number>;
    };
  };
  /** When each report was made, by its position, in ms. */
  readonly madeAtMs: Map<number, number>;
  /** Whether gateway and identity let nobody in with what this device has. */
  isOut(device: NamedDevice): boolean;
  /** Through gateway and worker into the user's comet. Fails where that can't be. */
  open(device: NamedDevice, end: DeviceEnd): Promise<SimLine>;
}
