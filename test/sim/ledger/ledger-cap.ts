import { LEDGERS, peerOf } from "../../../src/contracts/ledger.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Asking } from "./ledger-asking.ts";
import { outboxOf, rowsIn } from "./ledger-rows.ts";
import { TROUBLE_MS, type Cast } from "./ledger-trouble.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

/**
 * The longest that a message stays in its queue which was delivered at the cap, in ms: what waits
 * there is nobody's, or has long been sent anew.
 */
export const LAST_DELIVERY_MS = 12 * 3_600_000 + 600_000;

/** Whether a message that nobody can read is not among the dead letters yet. */
export function hasUnkept({ ledgers }: LedgerWorld): boolean {
  return LEDGERS.some((name) => {
    const kept = new Set(rowsIn(ledgers[name], "SELECT id FROM dead_letter").map(({ id }) => id));
    return ledgers[name].poison.some(({ id }) => !kept.has(id));
  });
}

/* An hour at the account's spending cap, begun in the midst of all other trouble. */

/** Share of worlds that have one. Drawn apart, so that all others are as they were without it. */
const CAPPED = 0.04;
const CAP_MS = 3_600_000;
/** From its end until what was under way has arrived. */
const HEALED_MS = 300_000;
/** When it begins, as parts of the time of trouble. */
const [EARLIEST, LATEST] = [0.3, 0.95];
/** Money that is on its way when it begins, and asked for while it lasts. */
const TRANSFERS_BEFORE = 6;
const BEFORE_MS = 4_000;
const ASK_EVERY_MS = 600_000;
const AMOUNT = 3;
/** Deliveries of one message, which may be twice in the queue, in an hour at the cap. */
const TRIES_MAX = 6;

/** A stream of luck that no other trouble draws from. */
function luckOf(seed: number): () => number {
  return mulberry32(seed ^ 0x5e9d);
}

export function isCappedIn(seed: number): boolean {
  return luckOf(seed)() < CAPPED;
}

/** Plans its beginning, and who sends money around it. */
export function planCap(kernel: Kernel, { world, model, clients }: Cast, seed: number): void {
  const luck = luckOf(seed + 1);
  const atMs = Math.floor((EARLIEST + luck() * (LATEST - EARLIEST)) * TROUBLE_MS);
  const stopsWorkers = luck() < 0.5;
  const transfer = (key: string): void => {
    const user = model.users[Math.floor(luck() * model.users.length)] ?? "";
    clients.transfer(luck() < 0.7 ? "wallet" : "savings", user, key, AMOUNT, 1);
  };
  for (let number = 0; number < TRANSFERS_BEFORE; number += 1)
    kernel.after(atMs - Math.floor(luck() * BEFORE_MS), "", () => transfer(`before-cap-${number}`));
  for (let later = 0; later < CAP_MS; later += ASK_EVERY_MS)
    kernel.after(atMs + 1_000 + later, "", () => transfer(`at-cap-${later}`));
  kernel.after(atMs, "the account reaches its spending cap", () => {
    const taken = [...model.transfers.values()].filter(({ transferId }) => transferId !== null);
    world.counters.note("transfer taken before the spending cap", taken.length);
    kernel.cap.begin(stopsWorkers);
  });
}

interface SitOutDeps {
  readonly asking: Asking;
  readonly must: (holds: boolean, what: string) => void;
  readonly runFor: (ms: number) => Promise<void>;
}

/** Lives to its end, with nothing else going wrong any more, and five minutes on. */
export async function sitOutCap({ world, model }: Cast, { asking, must, runFor }: SitOutDeps): Promise<void> {
  const { kernel, counters, ledgers } = world;
  const { cap } = kernel;
  await runFor((cap.beganAtMs ?? kernel.nowMs) + CAP_MS - kernel.nowMs);
  counters.note("request refused at the spending cap", asking.cappedTimes);
  counters.note("alarm held at the spending cap", cap.seen.alarms);
  counters.note("query refused at the spending cap", cap.seen.queries);
  counters.note("delivery held at the spending cap", cap.seen.deliveries);
  must(cap.seen.queries > 0, "a database at the cap is asked and refuses");
  must(cap.triesMax <= TRIES_MAX, "the cap uses up no message's retries");
  const owed = LEDGERS.flatMap((name) =>
    outboxOf(ledgers[name])
      .filter(({ state, user_id: user }) => {
        // Where an account is shut, its operators have to open it first.
        return state === "pending" && !model.everClosed.has(`${peerOf(name)} ${user}`);
      })
      .map(({ id }) => ({ name, id })),
  );
  counters.note("message under way at the end of the spending cap", owed.length);
  cap.end();
  await runFor(HEALED_MS);
  for (const { name, id } of owed) {
    const left = outboxOf(ledgers[name]).find((row) => row.id === id);
    must(
      left === undefined || left.state === "parked",
      `${name}: what was under way arrives within five minutes after the cap`,
    );
    if (left === undefined) counters.note("message arrived within five minutes after the spending cap");
  }
}
