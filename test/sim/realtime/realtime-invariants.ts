import { nameOf } from "../../../clients/typescript/history-copy.ts";
import type { Entry } from "../../../src/contracts/history.ts";
import type { RoomPlace } from "../../../src/contracts/realtime.ts";
import { must } from "../kernel/broken-invariant.ts";
import type { RealtimeWorld } from "./realtime-world.ts";
import type { SimDevice } from "./sim-device.ts";

/** What the shard has of a user. */
export interface ServerState {
  readonly list: readonly Entry[];
  readonly isPaused: boolean;
}

/**
 * A device has what the server has: where it has reported itself since it came, that it knows when
 * it comes back.
 */
export function checkCopy(device: SimDevice, server: ServerState, when: string): void {
  const { rules, watch, name } = device;
  const { copy } = rules;
  const told = (entries: readonly Entry[]): string =>
    entries
      .filter((entry) => !watch.mine.has(nameOf(entry)))
      .map(lineOf)
      .sort()
      .join("\n");
  must(
    told(copy.list()) === told(server.list),
    `${name}: every device has exactly the server's state, ${when}`,
  );
  must(copy.isPaused === server.isPaused, `${name}: every device knows of a pause, ${when}`);
}

function lineOf(entry: Entry): string {
  return JSON.stringify(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** All that was let in is live, all that was shut out is not, and nothing waits. */
export function checkSettled(world: RealtimeWorld): void {
  for (const device of world.devices) {
    const { rules, watch, name } = device;
    if (world.isOut(device)) {
      must(watch.stopped === "unauthenticated", `${name}: who is signed out has no socket`);
      continue;
    }
    must(rules.isLive, `${name}: every device is live in the end (${watch.stopped ?? "not stopped"})`);
    must(rules.unacked === 0, `${name}: every report is acked in the end`);
    const others = world.devices.filter(
      (one) => one.userId === device.userId && one.rules.isLive && !world.isOut(one),
    );
    must(
      watch.devices.toSorted().join() ===
        others
          .map((one) => one.name)
          .toSorted()
          .join(),
      `${name}: every device knows which others are connected`,
    );
  }
  must(
    world.comet.open === world.devices.filter(({ rules }) => rules.isLive).length,
    "no socket is held for nobody",
  );
}

/**
 * The shard knows who listens. One who has left may still be in its table, where a clock was wrong
 * or nobody could say so: the first news for them take them out.
 */
export function checkListeners({ shard, devices, hardship }: RealtimeWorld): void {
  const rows = shard.object.storage.inspect("SELECT user_id, sockets FROM listener");
  const known = new Map(rows.map((row) => [String(row["user_id"]), Number(row["sockets"])]));
  const live = new Map<string, number>();
  for (const { userId, rules } of devices) if (rules.isLive) live.set(userId, (live.get(userId) ?? 0) + 1);
  for (const [userId, sockets] of live)
    must(
      hardship.skewMsMax > 0 ? known.has(userId) : known.get(userId) === sockets,
      `${userId}: the shard knows who listens`,
    );
}

/** Each message of the room is shown in its order, or it is said that some are missing. */
export function checkRoom({ room, devices }: RealtimeWorld): void {
  for (const { watch, rules, name } of devices) {
    let before: RoomPlace | null = null;
    for (const shown of watch.shown) {
      const place: RoomPlace | null = shown === null ? null : (room.numbered.get(shown) ?? null);
      must(shown === null || place !== null, `${name}: nothing is shown that was not pushed`);
      must(
        before === null || place === null || isNext(place, before),
        `${name}: no message of a room is skipped without a word, nor shown out of order`,
      );
      before = place;
    }
    const here = rules.room?.place ?? null;
    if (!rules.isLive || here === null) continue;
    const unseen = [...room.numbered].filter(
      ([text, { epoch, offset }]) => room.delivered.has(text) && epoch === here.epoch && offset > here.offset,
    );
    must(unseen.length === 0, `${name}: whoever comes back to a room gets what was missed`);
  }
}

/** What is pushed to a room when all is well is shown to all who are in it. */
export function checkShown({ devices }: RealtimeWorld, text: string): void {
  for (const { watch, rules, name } of devices)
    must(
      !rules.isLive || watch.shown.at(-1) === text,
      `${name}: whoever is in a room is shown what is pushed`,
    );
}

function isNext(place: RoomPlace, before: RoomPlace): boolean {
  return place.epoch === before.epoch && place.offset === before.offset + 1;
}
