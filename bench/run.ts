/*
 * npm run bench -- <name>: one benchmark, bounded in time. Speed is told as ratios against a
 * baseline of the same run: machines differ and are noisy.
 */
import { exitOnSignals } from "./support/exit-on-signals.ts";

process.env["WRANGLER_LOG"] = "error";
exitOnSignals();

const BENCHMARKS: Readonly<Record<string, () => Promise<{ run: () => Promise<void> }>>> = {
  attacks: () => import("./attacks.ts"),
  cost: () => import("./cost.ts"),
  history: () => import("./history.ts"),
  ledger: () => import("./ledger.ts"),
  gateway: () => import("./gateway.ts"),
  overload: () => import("./overload.ts"),
  primitives: () => import("./primitives.ts"),
  codec: () => import("./codec.ts"),
  redis: () => import("./redis.ts"),
  kafka: () => import("./kafka.ts"),
  realtime: () => import("./realtime.ts"),
};

const name = process.argv[2] ?? "";
const load = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (load === undefined) {
  process.stderr.write(
    `npm run bench -- <name>, where name is one of: ${Object.keys(BENCHMARKS).join(", ")}\n`,
  );
  process.exit(2);
}
await (await load()).run();
process.exit(0);
