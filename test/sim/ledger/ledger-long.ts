import { LEDGERS } from "../../../src/contracts/ledger.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { beginOutage, type Cast } from "./ledger-trouble.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TRANSFERS = 6;
/**
 * From what is sent and not confirmed to its end: a day, and half as many sends as fit into it;
 * beside it whatever clocks are wrong by.
 */
const OUTAGE_MS = { least: 26 * HOUR_MS, more: 8 * HOUR_MS } as const;
/** Longer than inbox rows, changes and dead letters are kept. */
const QUIET_MS = { least: 36 * DAY_MS, more: 6 * DAY_MS } as const;
/** Whoever has lost their database asks for it every few seconds, which takes long to simulate. */
const AWAY = 0.1;
const CRON_MS = 12 * HOUR_MS;

/**
 * Weeks in a ledger's life: somebody can't be reached for longer than messages are tried, then
 * nothing happens until all that is kept for a while is gone, then operators find what was parked.
 * The steps are of hours, and nothing else goes wrong: that is what the usual profile is for.
 */
export async function liveLong(
  kernel: Kernel,
  cast: Cast,
  runFor: (ms: number) => Promise<void>,
): Promise<void> {
  const { world, model, depositors, operators } = cast;
  world.cronMs = CRON_MS;
  for (const [number, user] of model.users.entries())
    depositors.deposit("wallet", user, `first-${number}`, 1_000);
  await runFor(HOUR_MS);
  move(kernel, cast, "before");
  await runFor(HOUR_MS);
  const back = loseSomebody(kernel, cast);
  for (const name of LEDGERS) world.ledgers[name].poisonWith([{ v: 99, nonsense: true }]);
  move(kernel, cast, "during");
  await runFor(OUTAGE_MS.least + Math.floor(kernel.random() * OUTAGE_MS.more));
  back();
  await runFor(HOUR_MS);
  move(kernel, cast, "after");
  await runFor(QUIET_MS.least + Math.floor(kernel.random() * QUIET_MS.more));
  // The next movement lets the change log's newest row be pruned that was kept for its number.
  depositors.deposit("wallet", kernel.pick(model.users), "later", 10);
  await runFor(2 * CRON_MS);
  if (kernel.chance(0.3)) operators.refundParked();
  else for (const name of LEDGERS) if (kernel.chance(0.7)) operators.redrive(name, kernel.chance(0.5), false);
  await runFor(HOUR_MS);
}

function move(kernel: Kernel, { model, clients }: Cast, when: string): void {
  for (let number = 0; number < TRANSFERS / 2; number += 1)
    clients.transfer(
      kernel.pick([...LEDGERS, "wallet"]),
      kernel.pick(model.users),
      `${when}-${number}`,
      10 + Math.floor(kernel.random() * 200),
    );
}

/** What arrives can't be confirmed, or nothing arrives. Answers what ends it. */
function loseSomebody(kernel: Kernel, { world }: Cast): () => void {
  return beginOutage(
    world,
    world.ledgers[kernel.pick(LEDGERS)],
    kernel.chance(AWAY) ? "away" : kernel.pick(["cut off", "deaf"]),
  );
}
