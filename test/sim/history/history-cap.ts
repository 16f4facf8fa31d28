import { SPENDING_CAP_RETRY_MS } from "../../../src/contracts/errors.ts";
import { itemName, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { must } from "../kernel/broken-invariant.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { HistoryClients } from "./history-clients.ts";
import { checkAlarm } from "./history-invariants.ts";
import { isSetAside, isStored } from "./history-stored.ts";
import { USERS } from "./history-trouble.ts";
import type { HistoryWorld } from "./history-world.ts";

/* An hour at the account's spending cap, in the midst of all other trouble. */

const CAP_MS = 3_600_000;
/** From its end until all is as if it had never been. */
const HEALED_MS = 300_000;
/** When it begins, as parts of the time of trouble. */
const [EARLIEST, LATEST] = [0.3, 0.85];
/** The part of the time after which it begins though no shard sends anything. */
const WAIT = 0.1;
/** Reports so close to its beginning that commits wait for each other across it. */
const RUSH_MS = 3_000;
const RUSH_GAP_MS = 40;
const REPORT_EVERY_MS = 240_000;
/** Deliveries of one message, which may be twice in the queue, in an hour at the cap. */
const TRIES_MAX = 6;
/** So long after the time to be healed in do those come back who stay away from it. */
const AWAY_MS = 60_000;

/** Plans the cap's beginning: at any moment, or in the midst of an alarm, which is the worst. */
export function planCap(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const { troubleMs } = world.options;
  const atMs = Math.floor((EARLIEST + kernel.random() * (LATEST - EARLIEST)) * troubleMs);
  const isAtSend = kernel.chance(0.5);
  const stopsWorkers = kernel.chance(0.5);
  // In half of the worlds nobody calls a shard until its own alarm has healed it.
  if (kernel.chance(0.5)) {
    clients.calls.backAfterCapMs = () =>
      (kernel.cap.beganAtMs ?? kernel.nowMs) + CAP_MS + HEALED_MS + AWAY_MS - kernel.nowMs;
  }
  const begin = (): void => {
    world.capAtNextSend = null;
    if (kernel.cap.isOn) return;
    world.counters.note(
      "report acknowledged before the spending cap",
      world.counters.counts.get("report acknowledged") ?? 0,
    );
    kernel.cap.begin(stopsWorkers);
  };
  for (let early = 0; early < RUSH_MS; early += RUSH_GAP_MS)
    kernel.after(atMs - RUSH_MS / 2 + early, "", () => clients.report(kernel.pick(USERS), ["film-0"]));
  if (isAtSend) {
    kernel.after(atMs, "", () => (world.capAtNextSend = begin));
    kernel.after(atMs + WAIT * troubleMs, "the account reaches its spending cap", begin);
  } else kernel.after(atMs, "the account reaches its spending cap", begin);
  for (let later = REPORT_EVERY_MS; later < CAP_MS; later += REPORT_EVERY_MS)
    kernel.after(atMs + later, "", () => clients.report(kernel.pick(USERS), ["film-1"]));
}

/**
 * Lives to the cap's end, with nothing else going wrong any more, and five minutes on: then D1 has
 * all that was acknowledged before, though nobody has called.
 */
export async function sitOutCap(world: HistoryWorld, runFor: (ms: number) => Promise<void>): Promise<void> {
  const { counters, shards, options } = world;
  const { kernel } = options;
  const { cap } = kernel;
  await runFor((cap.beganAtMs ?? kernel.nowMs) + CAP_MS - kernel.nowMs);
  const { requests, storage, queries, alarms, deliveries } = cap.seen;
  must(requests > 0, "an object at the cap is asked and refuses");
  counters.note("alarm held at the spending cap", alarms);
  counters.note("SQL or alarm refused at the spending cap", storage);
  counters.note("query refused at the spending cap", queries);
  counters.note("delivery held at the spending cap", deliveries);
  for (const shard of shards) checkAlarm(shard);
  must(cap.triesMax <= TRIES_MAX, "the cap uses up no message's retries");
  must(cap.soonestMs >= SPENDING_CAP_RETRY_MS, "who meets nothing but the cap has messages wait for 300 s");
  const owed = USERS.flatMap((userId) => {
    return keptOf(world, userId).filter(
      (record) =>
        !isStored(world, record) &&
        !isSetAside(world, record) &&
        world.model.item(record)?.mayBeLost !== true,
    );
  });
  counters.note("record pending at the end of the spending cap", owed.length);
  const calls = cap.seen.requests;
  cap.end();
  await runFor(HEALED_MS);
  must(cap.seen.requests === calls, "nothing is refused after the cap's end");
  for (const record of owed) {
    // Others may have pushed it out of the newest since, and a later report brought it back.
    if (!keptOf(world, record.userId).some((kept) => isSame(kept, record))) continue;
    must(
      isStored(world, record),
      `${record.userId} ${record.itemId}: what waited through the cap is in D1 five minutes after its end`,
    );
    counters.note("record in D1 five minutes after the spending cap");
  }
}

function isSame(one: HistoryRecord, other: HistoryRecord): boolean {
  return itemName(one) === itemName(other) && one.rev === other.rev;
}

/** What is kept of a user. */
function keptOf({ model, options }: HistoryWorld, userId: string): readonly HistoryRecord[] {
  if (model.user(userId).erasure !== "none") return [];
  return model.newestFirst(userId).slice(0, options.limits.entriesPerUserMax);
}
