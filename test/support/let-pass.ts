import type { VirtualTime } from "../../testbed/virtual-time.ts";

const STEP_MS = 10;

/** Lets `ms` pass for code that sleeps: what wakes up runs before the clock goes on. */
export async function letPass(time: VirtualTime, ms: number): Promise<void> {
  await settled();
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    time.turn(STEP_MS);
    await settled();
  }
}

/** Until all that waits for nothing but its turn has had it. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
