import type { RoomMessage } from "../../../src/contracts/realtime-rpc.ts";
import { Room } from "../../../src/realtime/biz/room.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { memoryRoomStore } from "./memory-room-store.ts";

/** What a comet does when it is called. */
export type Behaviour = "well" | "hangs" | "fails";

/** A comet as a room sees it: how many members it has, and what it was given. */
export class FakeComet {
  count = 0;
  behaviour: Behaviour = "well";
  latencyMs = 1;
  /** One list a call. */
  readonly calls: (readonly RoomMessage[])[] = [];
  /** What it does with them. */
  take: (epoch: string, messages: readonly RoomMessage[]) => void = () => undefined;

  get texts(): readonly string[] {
    return this.calls.flat().map(({ body }) => new TextDecoder().decode(body));
  }
}

/** What a call of a comet may take, in ms. */
export const CALL_MS = 1_000;

/** A room over storage that outlives it, comets that can be ill, and a clock that is turned. */
export function roomWorld() {
  const time = new VirtualTime();
  const kept = memoryRoomStore();
  /** Every message that the room has ever numbered, by epoch and offset. */
  const log = new Map<string, { readonly text: string; readonly atMs: number }>();
  const store: typeof kept = {
    ...kept,
    get writes() {
      return kept.writes;
    },
    append(message) {
      kept.append(message);
      const name = `${kept.read()?.epoch} ${message.offset}`;
      if (log.has(name)) throw new Error(`${name} was given twice`);
      log.set(name, { text: new TextDecoder().decode(message.body), atMs: message.atMs });
    },
  };
  const comets = new Map<string, FakeComet>();
  const failures: string[] = [];
  let alarmAtMs: number | null = null;
  let epochs = 0;
  /** Which life of the object's memory it is: of a former one nothing is heard any more. */
  let life = 0;

  const comet = (name: string): FakeComet => {
    const known = comets.get(name) ?? new FakeComet();
    comets.set(name, known);
    return known;
  };
  const start = (): Room => {
    const own = (life += 1);
    return new Room({
      store,
      comets: {
        async push(name, epoch, messages) {
          const called = comet(name);
          called.calls.push(messages);
          if (called.behaviour === "fails") throw new Error("the comet fails");
          // One that hangs has them and can't say so.
          called.take(epoch, messages);
          await time.sleep(called.behaviour === "hangs" ? CALL_MS : called.latencyMs);
          if (own !== life) return new Promise(() => undefined);
          if (called.behaviour === "hangs") throw new Error("the comet took too long");
          return called.count;
        },
      },
      setAlarm: (atMs) => {
        alarmAtMs = atMs;
      },
      newEpoch: () => `epoch${(epochs += 1)}`,
      schedule: (delayMs, run) => time.after(delayMs, () => (own === life ? run() : undefined)),
      now: time.now,
      onFailure: (what) => failures.push(what),
    });
  };
  let room = start();

  return {
    time,
    store,
    log,
    comet,
    failures,
    get room() {
      return room;
    },
    get alarmAtMs() {
      return alarmAtMs;
    },
    /** The object's memory is gone. */
    restart(): void {
      room = start();
    },
    /** A comet says that it has so many members. */
    join(name: string, count = 1, since?: { epoch: string; offset: number }) {
      comet(name).count = count;
      return room.members(name, count, since);
    },
    push: (text: string) => room.push({ op: 1_000, body: new TextEncoder().encode(text) }),
    /** Rings the alarm if it is due. */
    async ring(): Promise<void> {
      if (alarmAtMs === null || alarmAtMs > time.now()) return;
      alarmAtMs = null;
      await room.onAlarm();
    },
  };
}
