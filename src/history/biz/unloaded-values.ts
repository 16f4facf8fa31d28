import type { LoggedKey } from "./ports.ts";
import type { RowReferences } from "./pending-set.ts";
import { comparePositions, itemName, type Confirmation, type Position, type RecordKey } from "./record.ts";

/** A pending record of which a restart has found the key alone. */
export interface UnloadedValue extends LoggedKey {
  /** The log row that says so. */
  readonly seq: number;
  /** Since when its item waits for D1, in ms. */
  readonly sinceMs: number;
}

/** What a key takes in the log beside its texts, in bytes, at most. */
const STORED_OVERHEAD_BYTES = 60;
/** And what its record will take in memory beside that, with a user of its own, at most. */
const VALUE_BYTES_MAX = 1_200;

/**
 * What a restart has found pending whose values are outside of the shard, until they are read back.
 * Each holds its row of the log.
 */
export class UnloadedValues {
  readonly #users = new Map<string, Map<string, UnloadedValue>>();
  readonly #rows: RowReferences;
  #count = 0;
  #storedBytes = 0;

  constructor(rows: RowReferences) {
    this.#rows = rows;
  }

  get count(): number {
    return this.#count;
  }

  /** What a snapshot of them takes, at most. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** The memory that their records will take, at most. */
  get bytes(): number {
    return this.#storedBytes + this.#count * VALUE_BYTES_MAX;
  }

  has(userId: string): boolean {
    return this.#users.has(userId);
  }

  get(key: RecordKey): UnloadedValue | undefined {
    return this.#users.get(key.userId)?.get(itemName(key));
  }

  ofUser(userId: string): readonly UnloadedValue[] {
    return [...(this.#users.get(userId)?.values() ?? [])];
  }

  /** All of them, each with the time since when it waits. */
  all(): UnloadedValue[] {
    return Array.from(this.#users.values(), (ofUser) => [...ofUser.values()]).flat();
  }

  /**
   * Takes a key that row `seq` says is pending, unless a newer one of its item is known at the same
   * endpoint. An item stays where it is as long as it is pending: where a later row has it
   * elsewhere, what the earlier one says was over, however it is dated.
   */
  put(value: UnloadedValue): void {
    const known = this.get(value);
    const isOlder = known !== undefined && comparePositions(value, known) < 0;
    if (isOlder && (value.endpoint === known.endpoint || value.seq <= known.seq)) return;
    this.#rows.retain(value.seq);
    if (known !== undefined) this.#remove(known);
    const ofUser = this.#users.get(value.userId) ?? new Map<string, UnloadedValue>();
    this.#users.set(value.userId, ofUser);
    ofUser.set(itemName(value), known === undefined ? value : { ...value, sinceMs: known.sinceMs });
    this.#count += 1;
    this.#storedBytes += bytesOf(value);
  }

  /** Its value is known now, or a newer one: its row is not held for it any more. */
  remove(value: UnloadedValue): void {
    const known = this.get(value);
    if (known !== undefined) this.#remove(known);
  }

  /** It is pending no longer, whatever its value is. */
  end(value: UnloadedValue): void {
    this.remove(value);
    this.#rows.gone(value.seq);
  }

  /** D1 holds this revision, whatever the value is. */
  confirm(confirmation: Confirmation): void {
    const known = this.get(confirmation);
    if (known !== undefined && known.rev <= confirmation.rev) this.end(known);
  }

  /** Takes out what of a user does not pass. */
  retain(userId: string, passes: (state: Position) => boolean): readonly UnloadedValue[] {
    const out = this.ofUser(userId).filter((value) => !passes(value));
    for (const value of out) this.end(value);
    return out;
  }

  /** All keys are now in row `seq` (a snapshot). */
  moveAllTo(seq: number): void {
    for (const ofUser of this.#users.values())
      for (const [name, value] of ofUser) {
        this.#rows.retain(seq);
        this.#rows.release(value.seq);
        ofUser.set(name, { ...value, seq });
      }
  }

  #remove(value: UnloadedValue): void {
    const ofUser = this.#users.get(value.userId);
    ofUser?.delete(itemName(value));
    if (ofUser?.size === 0) this.#users.delete(value.userId);
    this.#rows.release(value.seq);
    this.#count -= 1;
    this.#storedBytes -= bytesOf(value);
  }
}

function bytesOf({ userId, kind, itemId, endpoint }: LoggedKey): number {
  return STORED_OVERHEAD_BYTES + userId.length + kind.length + itemId.length + endpoint.length;
}
