import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import type { HistoryPort, RoomsPort } from "../../../src/realtime/biz/ports.ts";
import { BrokenInvariant } from "../kernel/broken-invariant.ts";
import { SimProcess, type Kernel } from "../kernel/kernel.ts";
import { RealtimeCounters } from "./realtime-counters.ts";
import type { RealtimeMutation } from "./realtime-mutation.ts";
import type { DeviceScene, NamedDevice, RealtimeHardship } from "./realtime-scene.ts";
import { RealtimeShard } from "./realtime-shard.ts";
import { SimComet, type Leave } from "./sim-comet.ts";
import { SimDevice } from "./sim-device.ts";
import type { DeviceEnd, SimLine } from "./sim-line.ts";
import { SimRoom } from "./sim-room.ts";

/*
 * PLACE OF CONSTRUCTION, with sim-comet.ts, sim-room.ts and realtime-shard.ts: nothing else in this
 * simulator knows how the objects are wired.
 */

export interface RealtimeWorldOptions {
  readonly kernel: Kernel;
  readonly hardship: RealtimeHardship;
  readonly mutation: RealtimeMutation;
  readonly limits: ShardLimits;
  /** Devices of each user. */
  readonly users: ReadonlyMap<string, number>;
}

/** The name of the shard, and so of its users' comet. */
const NAME = "shard-0";
export const ROOM = "live://1";
const CHANGES_PER_PAGE = 100;

/** A shard, the comet of its users, a room and devices: the real classes in a simulated world. */
export class RealtimeWorld implements DeviceScene {
  readonly kernel: Kernel;
  readonly hardship: RealtimeHardship;
  readonly mutation: RealtimeMutation;
  readonly counters = new RealtimeCounters();
  readonly shard: RealtimeShard;
  readonly comet: SimComet;
  readonly room: SimRoom;
  readonly devices: readonly SimDevice[];
  readonly madeAtMs = new Map<number, number>();
  readonly erased = new Set<string>();
  readonly revoked = new Set<string>();
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;
  readonly #worker = new SimProcess("worker");

  constructor({ kernel, hardship, mutation, limits, users }: RealtimeWorldOptions) {
    this.kernel = kernel;
    this.hardship = hardship;
    this.mutation = mutation;
    this.shard = new RealtimeShard({
      scene: this,
      name: NAME,
      limits,
      tell: (_comet, news) => this.comet.changed(news),
    });
    this.room = new SimRoom({
      scene: this,
      name: ROOM,
      push: (_comet, epoch, messages) => this.comet.pushRoom(ROOM, epoch, messages),
    });
    this.comet = new SimComet({
      scene: this,
      name: NAME,
      history: (leave) => this.#history(leave),
      rooms: (leave) => this.#rooms(leave),
      endedSessions: (sessionIds) => sessionIds.filter((sessionId) => this.#hasEnded(sessionId)),
    });
    this.devices = [...users].flatMap(([userId, count]) =>
      Array.from({ length: count }, (_, number) => {
        return new SimDevice({ scene: this, userId, name: `${userId}-${number}`, room: ROOM });
      }),
    );
  }

  readonly hold = (holds: boolean, what: string): void => {
    if (!holds) this.broken ??= new BrokenInvariant(what);
  };

  /** Who is erased is signed out, too. */
  #hasEnded(sessionId: string): boolean {
    const device = this.devices.find(({ name }) => sessionOf(name) === sessionId);
    return this.revoked.has(sessionId) || this.erased.has(device?.userId ?? "");
  }

  isOut({ userId, name }: NamedDevice): boolean {
    return this.erased.has(userId) || this.revoked.has(sessionOf(name));
  }

  open({ userId, name }: NamedDevice, end: DeviceEnd): Promise<SimLine> {
    return this.kernel.rpc(this.#worker, "open a socket", () => this.comet.accept(userId, name, end));
  }

  #history(leave: Leave): HistoryPort {
    return {
      join: ({ userId }, { since, ...order }) =>
        leave("join", () =>
          this.shard.ask((shard) =>
            shard.join(
              NAME,
              { userId, ...order },
              since === undefined ? null : { since, limit: CHANGES_PER_PAGE },
            ),
          ),
        ),
      leave: (listeners) => leave("leave", () => this.shard.ask((shard) => shard.leave(NAME, listeners))),
      report: (batch) =>
        leave("report", () =>
          this.shard.ask((shard) =>
            shard.reportMany(
              batch.map(({ userId, socket, others, version, reports }) => ({
                userId,
                reports,
                source: { socket, others, version },
              })),
            ),
          ),
        ),
    };
  }

  #rooms(leave: Leave): RoomsPort {
    return {
      members: (_room, count, since) => {
        // As the comet's clock says: nobody has called before with a later one.
        const version = this.comet.now();
        return leave("tell a room", () => this.room.members(NAME, count, since, version));
      },
    };
  }
}

export function sessionOf(device: string): string {
  return `session-of-${device}`;
}
