import type { RoomMessage, RoomRpc } from "../../contracts/realtime-rpc.ts";
import type { RoomPlace } from "../../contracts/realtime.ts";

/** What a room answers a comet that has told it of its members. */
export type RoomAnswer = Awaited<ReturnType<RoomRpc["members"]>>;

export function isSamePlace(one: RoomPlace, other: RoomPlace): boolean {
  return one.epoch === other.epoch && one.offset === other.offset;
}

/** A room is asked once for all who have been away: for what came after the oldest place. */
export function oldestOf(places: Iterable<RoomPlace | null>): RoomPlace | undefined {
  let oldest: RoomPlace | undefined;
  for (const place of places) {
    if (place === null || (oldest !== undefined && place.epoch !== oldest.epoch)) continue;
    if (oldest === undefined || place.offset < oldest.offset) oldest = place;
  }
  return oldest;
}

/**
 * What a member has missed that came back with `since`, by what the room has answered to a question
 * for all of them, from `askedSince` on: "lost" where nobody can say, "ask again" where it must be
 * asked for this one.
 */
export function missedBy(
  since: RoomPlace | null,
  askedSince: RoomPlace | undefined,
  place: RoomPlace,
  missed: RoomAnswer["missed"],
): readonly RoomMessage[] | "lost" | "ask again" {
  if (since === null || isSamePlace(since, place)) return [];
  if (since.epoch !== place.epoch || since.offset > place.offset) return "lost";
  if (missed !== undefined && missed !== null && askedSince?.epoch === since.epoch)
    return missed.filter(({ offset }) => offset > since.offset);
  return askedSince !== undefined && isSamePlace(since, askedSince) ? "lost" : "ask again";
}
