import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { LogRows } from "../../../src/history/biz/log-rows.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import { decodeRow, encodeRow } from "../../../src/history/data/log-codec.ts";
import { recordOf } from "../../support/databases/history-records.ts";

/*
 * node test/history/support/weigh-pending.ts USERS ITEMS: what that many pending records really
 * take on V8's heap, beside what a shard believes. A process of its own: elsewhere the garbage of
 * others would be weighed too.
 */

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

function usedBytes(): number {
  if (typeof collect !== "function") throw new Error("the collector cannot be called");
  for (let round = 0; round < 5; round += 1) collect();
  return process.memoryUsage().heapUsed;
}

/** Records as they come out of a log row: with texts and numbers of their own. */
function fill(users: number, items: number): PendingSet {
  const rows = new LogRows();
  const pending = new PendingSet({
    rows,
    windowMs: 300_000,
    entriesPerUserMax: 1_000,
    databaseOf: () => 0,
    onBeyond: () => undefined,
  });
  for (let user = 0; user < users; user += 1) {
    const userId = `018f0000-0000-7000-8000-${String(user).padStart(12, "0")}`;
    const records = Array.from({ length: items }, (_, item) =>
      recordOf({
        userId,
        itemId: `movie-${user}-${item}-abcdefgh`,
        deviceId: "living-room-tv",
        rev: 1_700_000_000_000 * 1024 + item,
      }),
    );
    const payload = encodeRow(records);
    rows.add(user + 1, payload.length);
    for (const record of decodeRow(payload).records) pending.put(record, user + 1, 1_700_000_000_000);
  }
  return pending;
}

const [users = 0, items = 0] = process.argv.slice(2).map(Number);
// The first ones pay for compiled code and hidden classes.
fill(100, 2);
const before = usedBytes();
const pending = fill(users, items);
const heapBytes = usedBytes() - before;
console.log(
  JSON.stringify({
    heapBytes,
    believedBytes: pending.bytes,
    storedBytes: encodeRow(pending.all()).length,
    believedStored: pending.storedBytes,
  }),
);
