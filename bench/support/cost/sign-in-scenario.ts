import { signIn, signUp } from "./clients.ts";
import { Answers, meteredOf, type Metered } from "./metered.ts";
import { pruneEverything } from "./prune-everything.ts";
import type { RowMeter } from "./row-meter.ts";
import { inTurns } from "./viewers.ts";
import { VirtualPlatform } from "./virtual-platform.ts";

const PEOPLE = 200;
const EVERY_MS = 1_000;
const AFTERWARDS_MS = 5_000;

interface SignInScenario {
  readonly secrets: Readonly<Record<string, string>>;
  readonly rowMeter: RowMeter;
  readonly places: number;
}

/** People who sign in, one a second, until the last trace of their sessions is gone. */
export async function meterSignIns({ secrets, rowMeter, places }: SignInScenario): Promise<Metered> {
  const platform = await VirtualPlatform.start({ secrets, places });
  const { stage, meters } = platform;
  const people = Array.from({ length: PEOPLE }, (_, number) => number);
  await inTurns(platform, people, (number) => signUp(platform, number));
  const answers = new Answers();
  meters.start();
  for (const number of people)
    stage.time.after(number * EVERY_MS, () => void answers.note(stage.time.now, signIn(platform, number)));
  await stage.runUntil(stage.time.now() + PEOPLE * EVERY_MS + AFTERWARDS_MS);
  meters.countDeletions();
  await pruneEverything(platform, ["playhead-identity"]);
  meters.stop();
  return meteredOf(platform, answers, rowMeter);
}
