import type { PushMessage, RoomMessage } from "../../../src/contracts/realtime-rpc.ts";
import type { RoomPlace } from "../../../src/contracts/realtime.ts";
import type { RoomStore } from "../../../src/realtime/biz/ports.ts";
import { Room } from "../../../src/realtime/biz/room.ts";
import { sqliteRoomStore } from "../../../src/realtime/data/sqlite-room-store.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { SimObject } from "../kernel/sim-object.ts";
import type { RealtimeScene } from "./realtime-scene.ts";
import { roomStorage } from "./room-storage.ts";

interface SimRoomOptions {
  readonly scene: RealtimeScene;
  readonly name: string;
  readonly push: (comet: string, epoch: string, messages: readonly RoomMessage[]) => Promise<number>;
}

const PATIENCE_MS = 3_000;

/** The Durable Object of one room: the real class over real SQL. */
export class SimRoom {
  readonly name: string;
  readonly object: SimObject<Room>;
  /** What was numbered, by the text of its body; what a crash takes back may be numbered anew. */
  readonly numbered = new Map<string, RoomPlace>();
  /** Those whose pushers know that somebody has them. */
  readonly delivered = new Set<string>();
  readonly #options: SimRoomOptions;
  readonly #clock: SimClock;
  #epochs = 0;

  constructor(options: SimRoomOptions) {
    const { scene, name } = options;
    this.name = name;
    this.#options = options;
    this.#clock = new SimClock(scene.kernel, scene.hardship, false);
    this.object = new SimObject({
      kernel: scene.kernel,
      name: `room ${name}`,
      now: this.#clock.now,
      build: () => this.#build(),
      onAlarm: (room) => room.onAlarm(),
      onCrash: () => this.#clock.step(() => undefined),
      hasOutputGate: scene.mutation.hasOutputGate ?? true,
      note: (event) => scene.counters.note(event),
    });
  }

  members(
    comet: string,
    count: number,
    since: RoomPlace | undefined,
    version: number,
  ): Promise<ReturnType<Room["members"]>> {
    return this.object.enter((room) => room.members(comet, count, since, version));
  }

  push(message: PushMessage): Promise<{ readonly delivered: number }> {
    return this.object.enter((room) => room.push(message));
  }

  #build(): Room {
    const { scene, push } = this.#options;
    const { object } = this;
    const store = sqliteRoomStore(roomStorage(object.storage));
    return new Room({
      store: this.#watched(store),
      comets: {
        push: (comet, epoch, messages) =>
          object.leave("push to a comet", PATIENCE_MS, () => push(comet, epoch, messages)),
      },
      setAlarm: (atMs) => void object.storage.setAlarm(atMs).catch(() => undefined),
      newEpoch: () => `e${(this.#epochs += 1)}`,
      schedule: (delayMs, run) => object.schedule(delayMs, run),
      now: this.#clock.now,
      onFailure: () => scene.counters.note("room message not pushed"),
    });
  }

  #watched(store: RoomStore): RoomStore {
    let epoch = store.read()?.epoch ?? "";
    return {
      ...store,
      begin: (begun) => {
        epoch = begun;
        store.begin(begun);
      },
      renew: (renewed) => {
        epoch = renewed;
        store.renew(renewed);
      },
      append: (message) => {
        this.numbered.set(new TextDecoder().decode(message.body), { epoch, offset: message.offset });
        store.append(message);
      },
    };
  }
}
