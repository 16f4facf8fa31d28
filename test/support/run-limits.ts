import { globSync, readFileSync } from "node:fs";

/*
 * How the projects of `npm test` share a machine.
 */

/**
 * Files at once. One a core: Vitest would leave a core to itself, which on two of them is half of
 * all there is.
 */
export const WORKERS_MAX = "100%";

/**
 * Files of e2e that make load, tell how soon they are answered, or ask in the first moment after a
 * start: they run after all others, one by one. What the others ask for may be late.
 */
export const ALONE = [
  "attacks",
  "availability",
  "changed-secrets",
  "deploy-under-sockets",
  "hostile-sockets",
  "http-fuzz",
  "launcher-load",
  "odd-clients",
  "replay-memory",
  "sockets-held",
].map((name) => `test/e2e/${name}.test.ts`);

/** Files of e2e that hold many sockets, or wait for long: `npm run test:sockets` asks for them. */
export const NOT_ASKED_FOR =
  process.env["SOCKETS"] === "all"
    ? []
    : ["client", "deploy-under-sockets", "hostile-sockets", "sockets-held"].map(
        (name) => `test/e2e/${name}.test.ts`,
      );

/** Rooms of tests that touch nothing but what they have made. */
const SHARED_ROOMS = [
  "bff",
  "clients",
  "contracts",
  "durable",
  "gateway",
  "history",
  "identity",
  "ledger",
  "platform",
  "protocol",
  "realtime",
  "resilience",
  "testbed",
];

/**
 * Files that share a process: to start afresh for each is half of what they cost. Whoever replaces
 * a module, a clock or a global, as only `vi` can, has a process of their own.
 */
export const SHARED = globSync(SHARED_ROOMS.map((room) => `test/${room}/**/*.test.ts`)).filter(
  (file) => !file.endsWith(".workerd.test.ts") && !/\bvi\b/.test(readFileSync(file, "utf8")),
);

/**
 * How long a test may take before it is given up. No promise of ours: what must be quick says so
 * itself, and the machine may be busy with others' work.
 */
export const BUSY_MACHINE_MS = 60_000;

/** The same for what starts whole platforms, some on folders that are migrated first. */
export const STARTS_MS = 300_000;
