import { namedSql } from "../../platform/database/named-sql.ts";
import { ProtobufError } from "../../protocol/protobuf.ts";
import { decodeRow, KINDS_READ, type RowContent } from "./log-codec.ts";
import { bytesOf, execNamed, type ShardSql } from "./shard-sql.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS unread_row (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, part INTEGER NOT NULL, kinds_read TEXT NOT NULL,
    payload BLOB NOT NULL, UNIQUE (seq, part));
`;
const SET_ASIDE = namedSql(`
  INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (:seq, :part, :kindsRead, :payload)
  ON CONFLICT (seq, part) DO UPDATE SET kinds_read = excluded.kinds_read, payload = excluded.payload`);
const KINDS_READ_OF = namedSql("SELECT kinds_read FROM unread_row WHERE id = :id");
const PAYLOAD = namedSql("SELECT payload FROM unread_row WHERE id = :id");
const REPLACE = namedSql("UPDATE unread_row SET payload = :payload WHERE id = :id");
const FORGET = namedSql("DELETE FROM unread_row WHERE id = :id");

/** A row of the log (part 0) or a chunk of its snapshot (parts from 1 on). */
export interface StoredPart {
  readonly seq: number;
  readonly part: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/**
 * Log rows that hold something this release does not know: a later one wrote them and was rolled
 * back. They are copied out of the log, whose slots go on being overwritten, and wait for a release
 * that can read them: it takes what was not read then, and leaves what was, which may have been
 * replaced and forgotten since. What they say is ordered by (at, rev) as everything is, so that it
 * may come late.
 */
export class UnreadRows {
  readonly #db: ShardSql;
  #count: number;

  constructor(db: ShardSql) {
    this.#db = db;
    db.exec(SCHEMA);
    this.#count = this.ids().length;
  }

  get count(): number {
    return this.#count;
  }

  ids(): readonly number[] {
    return this.#db
      .exec("SELECT id FROM unread_row ORDER BY seq, part")
      .toArray()
      .map((row) => Number(row["id"]));
  }

  /** What a part says, as much as can be read; sets it aside where that is not all. */
  readOrSetAside({ seq, part, payload }: StoredPart): RowContent {
    const { content, isWhole, kindsRead } = read(payload);
    if (!isWhole) {
      execNamed(this.#db, SET_ASIDE, {
        seq,
        part,
        kindsRead: JSON.stringify(kindsRead),
        payload: payload.slice().buffer,
      });
      this.#count = this.ids().length;
    }
    return content;
  }

  /** What could not be read of a part when it was set aside; null where it still can't. */
  read(id: number): RowContent | null {
    const [row] = execNamed(this.#db, KINDS_READ_OF, { id });
    const { content, isWhole } = read(
      this.#payload(id),
      JSON.parse(String(row?.["kinds_read"])) as readonly number[],
    );
    return isWhole ? content : null;
  }

  forget(id: number): void {
    execNamed(this.#db, FORGET, { id });
  }

  /** To be called when a transaction that forgot some has ended well. */
  recount(): void {
    this.#count = this.ids().length;
  }

  /**
   * Takes a user's id out of all parts. What else is in them can't be told apart by this release,
   * and names no user any more.
   */
  anonymise(userId: string): void {
    const name = new TextEncoder().encode(userId);
    for (const id of this.ids()) {
      const payload = this.#payload(id);
      if (blank(payload, name)) execNamed(this.#db, REPLACE, { id, payload: payload.buffer });
    }
  }

  #payload(id: number): Uint8Array<ArrayBuffer> {
    const [row] = execNamed(this.#db, PAYLOAD, { id });
    return bytesOf(row?.["payload"]);
  }
}

interface ReadPart {
  readonly content: RowContent;
  readonly isWhole: boolean;
  readonly kindsRead: readonly number[];
}

function read(payload: Uint8Array, passedOver: readonly number[] = []): ReadPart {
  try {
    const { unknown, ...content } = decodeRow(payload, passedOver);
    return { content, isWhole: unknown === 0, kindsRead: KINDS_READ };
  } catch (error) {
    if (error instanceof ProtobufError)
      return { content: { records: [], keys: [], users: [] }, isWhole: false, kindsRead: [] };
    throw error;
  }
}

/** Whether an id is what {@link UnreadRows.anonymise} leaves of one. */
export function isNobody(userId: string): boolean {
  return /^0+$/.test(userId);
}

/**
 * Overwrites each occurrence of `name` with zeros of the same length, so that lengths stay true.
 * Says whether there was one.
 */
function blank(payload: Uint8Array, name: Uint8Array): boolean {
  let found = false;
  for (let at = 0; at + name.length <= payload.length; at += 1) {
    if (!name.every((byte, index) => payload[at + index] === byte)) continue;
    payload.fill(0x30, at, at + name.length);
    found = true;
  }
  return found;
}
