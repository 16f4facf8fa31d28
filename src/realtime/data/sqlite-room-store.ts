import { ROOM_RING_MAX } from "../../contracts/realtime.ts";
import type { RoomStore } from "../biz/ports.ts";

/** As much of an object's storage as is used. */
type Storage = Pick<DurableObjectStorage, "sql" | "transactionSync" | "deleteAll">;

const SCHEMA = `
  CREATE TABLE room (one INTEGER PRIMARY KEY, epoch TEXT NOT NULL);
  CREATE TABLE member (comet TEXT PRIMARY KEY, count INTEGER NOT NULL, version REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE message (slot INTEGER PRIMARY KEY, place INTEGER NOT NULL, op INTEGER NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL);
`;
const IS_MADE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'room'";
const SET_EPOCH = "INSERT OR REPLACE INTO room (one, epoch) VALUES (1, ?)";
const SET_MEMBERS = "INSERT OR REPLACE INTO member (comet, count, version) VALUES (?, ?, ?)";
const MEMBERS = "SELECT comet, count, version FROM member";
const FORGET_MEMBERS = "DELETE FROM member WHERE comet = ?";
const PUT_MESSAGE = "INSERT OR REPLACE INTO message (slot, place, op, at_ms, body) VALUES (?, ?, ?, ?, ?)";
const MESSAGES = "SELECT place AS offset, op, at_ms AS atMs, body FROM message ORDER BY place";

/**
 * A room in the SQLite of its object. Rows are billed, not bytes: a message takes the row of the
 * one that it pushes out. Tables are made when somebody comes in, since an object in which nothing
 * is stored costs nothing.
 */
export function sqliteRoomStore(storage: Storage): RoomStore {
  const { sql } = storage;
  return {
    read() {
      if (sql.exec(IS_MADE).toArray().length === 0) return null;
      const [room] = sql.exec<{ epoch: string }>("SELECT epoch FROM room").toArray();
      if (room === undefined) throw new Error("a room has tables and no epoch");
      const members = sql.exec<{ comet: string; count: number; version: number }>(MEMBERS);
      const messages = sql.exec<{ offset: number; op: number; atMs: number; body: ArrayBuffer }>(MESSAGES);
      return {
        epoch: room.epoch,
        members: members.toArray(),
        messages: messages.toArray().map((message) => ({ ...message, body: new Uint8Array(message.body) })),
      };
    },
    begin(epoch) {
      storage.transactionSync(() => {
        sql.exec(SCHEMA);
        sql.exec(SET_EPOCH, epoch);
      });
    },
    setMembers: ({ comet, count, version }) => void sql.exec(SET_MEMBERS, comet, count, version),
    forgetMembers: (comet) => void sql.exec(FORGET_MEMBERS, comet),
    append({ offset, op, atMs, body }) {
      sql.exec(PUT_MESSAGE, offset % ROOM_RING_MAX, offset, op, atMs, body.slice().buffer);
    },
    renew(epoch) {
      storage.transactionSync(() => {
        sql.exec("DELETE FROM message");
        sql.exec(SET_EPOCH, epoch);
      });
    },
    // It takes effect at once; what it promises is only that it has reached the disk.
    empty: () => void storage.deleteAll(),
  };
}
