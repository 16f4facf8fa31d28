import { payer, signIn, signUp, transfer } from "./clients.ts";
import { Answers, countedBy, sharedAmong, type Counted, type Metered } from "./metered.ts";
import { pruneEverything } from "./prune-everything.ts";
import type { RowMeter } from "./row-meter.ts";
import { inTurns } from "./viewers.ts";
import { VirtualPlatform } from "./virtual-platform.ts";

const PEOPLE = 24;
const TRANSFERS = 240;
const PER_SECOND = 4;
const MINUTE_MS = 60_000;
/** As long as all transfers take, and one more. */
const MINUTES = 2;
const SETTLED_MS = 30_000;
const LEDGERS: readonly string[] = ["playhead-wallet", "playhead-savings"];

interface TransferScenario {
  readonly secrets: Readonly<Record<string, string>>;
  readonly rowMeter: RowMeter;
  readonly places: number;
}

/**
 * Transfers of a few people, from the debit until both ledgers have forgotten their messages. What
 * the ledgers' crons would have done anyway is taken off.
 */
export async function meterTransfers(scenario: TransferScenario): Promise<Metered> {
  const answers = new Answers();
  const counted = await runMinutes(scenario, TRANSFERS, answers);
  return sharedAmong(answers, counted, await runMinutes(scenario, 0, new Answers()));
}

async function runMinutes(
  { secrets, rowMeter, places }: TransferScenario,
  transfers: number,
  answers: Answers,
): Promise<Counted> {
  const platform = await VirtualPlatform.start({ secrets, places });
  const { stage, meters } = platform;
  const people = Array.from({ length: PEOPLE }, (_, number) => number);
  const userIds = await inTurns(platform, people, (number) => signUp(platform, number));
  const pay = await stage.until(payer(platform, secrets));
  await inTurns(platform, userIds, pay);
  // What deposits have left behind is not to be counted.
  await pruneEverything(platform, LEDGERS);
  const headers = await inTurns(platform, people, (number) => signIn(platform, number));
  meters.start();
  const startMs = stage.time.now();
  for (let sent = 0; sent < transfers; sent += 1) {
    const number = sent % PEOPLE;
    stage.time.at(startMs + (sent * 1_000) / PER_SECOND, () => {
      void answers.note(stage.time.now, transfer(platform, number, headers[number] ?? {}));
    });
  }
  for (let minute = 1; minute <= MINUTES; minute += 1) {
    await stage.runUntil(startMs + minute * MINUTE_MS);
    for (const { worker, cron } of platform.crons)
      if (LEDGERS.includes(worker)) await stage.until(platform.fireCron(worker, cron));
  }
  await stage.runUntil(stage.time.now() + SETTLED_MS);
  meters.countDeletions();
  await pruneEverything(platform, LEDGERS);
  meters.stop();
  return countedBy(platform, rowMeter);
}
