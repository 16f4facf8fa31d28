import { MAIN_CELL, NAME_OF_GUESTS } from "../../contracts/cell.ts";
import type { Principal } from "../../contracts/call-context.ts";
import { shardName, shardNamed } from "../../contracts/shard-name.ts";
import { jumpHash, jumpKey } from "../../resilience/hash/jump-hash.ts";

/**
 * The comet of a signed-in user: named like the shard that keeps their history, so that all of
 * their devices meet in one, and what it gathers goes to one shard.
 */
export function cometOfUser(
  { userId, cell = MAIN_CELL }: Pick<Principal, "userId" | "cell">,
  shards: number,
): string {
  return shardName({ cell, shard: jumpHash(jumpKey(userId), shards) });
}

/** The comet of a guest, by their key: two connections with the same meet in one. */
export function cometOfGuest(key: string, subComets: number): string {
  return guestsComet(jumpHash(jumpKey(key), subComets));
}

/** All comets of a cell's users. */
export function cometsOfCell(cell: string, shards: number): readonly string[] {
  return Array.from({ length: shards }, (_, shard) => shardName({ cell, shard }));
}

/** All comets of guests. */
export function cometsOfGuests(subComets: number): readonly string[] {
  return Array.from({ length: subComets }, (_, index) => guestsComet(index));
}

function guestsComet(index: number): string {
  return `${NAME_OF_GUESTS}-${index}`;
}

/** The cell whose users a comet holds; of guests' comets the one that has no cell. */
export function cellOfComet(name: string): string {
  return shardNamed(name)?.cell ?? MAIN_CELL;
}
