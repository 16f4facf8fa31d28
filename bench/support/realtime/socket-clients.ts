import type { RunningPlatform } from "../../../scripts/runtime/platform.ts";
import type { DrivenClient } from "../../../testbed/workers/socket-driver.ts";
import { realApi } from "../cost/clients.ts";
import { signedIn } from "../cost/measured-cpu.ts";
import { startWithSocketDriver } from "../measured-platforms.ts";

export const SOCKETS = Number(process.env["BENCH_SOCKETS"] ?? 10_000);
export const COMETS = Number(process.env["BENCH_COMETS"] ?? 16);
const SOCKETS_PER_USER = 8;

/** A platform that drives sockets within, and has a comet for each of so many shards. */
export function startWithComets(): Promise<RunningPlatform> {
  return startWithSocketDriver({
    without: ["password hashing"],
    moreVars: { HISTORY_SHARDS: String(COMETS) },
  });
}

/** As many clients as asked for, each a device of its own, some of them of one user. */
export async function signedInClients(
  url: string,
  authOf: (number: number) => object,
): Promise<readonly DrivenClient[]> {
  const users = await signedIn(realApi(url), Math.ceil(SOCKETS / SOCKETS_PER_USER));
  return Array.from({ length: SOCKETS }, (_, number) => ({
    headers: users[number % users.length] ?? {},
    auth: { device: { id: `device-${number}` }, ...authOf(number) },
  }));
}

/** A line on its way, since minutes may pass. */
export function progress(what: string, found: object): void {
  process.stderr.write(`${new Date().toISOString()} ${what}: ${JSON.stringify(found)}\n`);
}
