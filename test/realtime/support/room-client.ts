import type { RoomMessage } from "../../../src/contracts/realtime-rpc.ts";
import { ROOM_RING_MAX, ROOM_RING_MS, type RoomPlace } from "../../../src/contracts/realtime.ts";
import type { roomWorld } from "./room-world.ts";

/** How long a comet's question and the room's answer are each on their way, in ms. */
const WAY_MS = 5;

/**
 * A client with its comet's part in it, by the rules that clients go by: it takes what follows its
 * place, knows what it has by the offset, and comes back where one is missing. Throws where what it
 * is given isn't what was pushed, or where it is told for no reason that it can't be had.
 */
export class RoomClient {
  readonly #world: ReturnType<typeof roomWorld>;
  readonly #comet: string;
  /** Null before it was there for the first time. */
  place: RoomPlace | null = null;
  /** Grows with each connection: what comes for a former one is nobody's. */
  #connection = 0;
  #state: "out" | "joining" | "in" = "out";
  readonly #held: { readonly epoch: string; readonly messages: readonly RoomMessage[] }[] = [];

  constructor(world: ReturnType<typeof roomWorld>, comet: string) {
    this.#world = world;
    this.#comet = comet;
  }

  get isOut(): boolean {
    return this.#state === "out";
  }

  join(): void {
    const connection = (this.#connection += 1);
    if (this.#state === "out") this.#world.comet(this.#comet).count += 1;
    this.#state = "joining";
    this.#held.length = 0;
    const { time } = this.#world;
    time.after(WAY_MS, () => {
      if (connection !== this.#connection) return;
      const { count } = this.#world.comet(this.#comet);
      const answer = this.#world.room.members(this.#comet, count, this.place ?? undefined);
      const atMs = time.now();
      time.after(WAY_MS, () => {
        if (connection === this.#connection) this.#joined(answer, atMs);
      });
    });
  }

  /** @param isTold - whether the room hears of it: of a comet that dies it doesn't */
  leave(isTold: boolean): void {
    if (this.#state === "out") return;
    this.#state = "out";
    this.#connection += 1;
    const comet = this.#world.comet(this.#comet);
    comet.count -= 1;
    if (isTold) this.#world.room.members(this.#comet, comet.count, undefined);
  }

  receive(epoch: string, messages: readonly RoomMessage[]): void {
    if (this.#state === "joining") this.#held.push({ epoch, messages });
    if (this.#state === "in") this.#take(epoch, messages);
  }

  #joined(
    { place, missed }: { readonly place: RoomPlace; readonly missed?: readonly RoomMessage[] | null },
    atMs: number,
  ): void {
    this.#state = "in";
    if (this.place === null || missed === null) {
      if (this.place !== null) this.#requireReason(this.place, place, atMs);
      this.place = place;
    } else {
      this.#take(place.epoch, missed ?? []);
      if (this.place.offset !== place.offset || this.place.epoch !== place.epoch)
        throw new Error(`it was given what it missed up to ${this.place.offset}, not ${place.offset}`);
    }
    for (const { epoch, messages } of this.#held.splice(0)) this.#take(epoch, messages);
  }

  #take(epoch: string, messages: readonly RoomMessage[]): void {
    for (const { offset, body } of messages) {
      if (this.place === null || this.#state !== "in") return;
      if (epoch === this.place.epoch && offset <= this.place.offset) continue;
      if (epoch !== this.place.epoch || offset > this.place.offset + 1) return this.join();
      const text = new TextDecoder().decode(body);
      const pushed = this.#world.log.get(`${epoch} ${offset}`);
      if (pushed?.text !== text) throw new Error(`${text} came as ${epoch} ${offset}`);
      this.place = { epoch, offset };
    }
  }

  #requireReason(had: RoomPlace, now: RoomPlace, atMs: number): void {
    const first = this.#world.log.get(`${had.epoch} ${had.offset + 1}`);
    const isLong = now.offset - had.offset > ROOM_RING_MAX;
    const isOld = first !== undefined && first.atMs <= atMs - ROOM_RING_MS;
    if (had.epoch === now.epoch && !isLong && !isOld) throw new Error("it is remembered and was not given");
  }
}
