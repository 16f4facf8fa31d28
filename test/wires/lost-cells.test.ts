import { describe, expect, it, vi } from "vitest";
import { Accounts, Operations, Trust } from "../../src/identity/worker.ts";
import { migrationsOf } from "../support/databases/migrations.ts";
import { sqliteD1 } from "../support/databases/sqlite-d1.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { guardBindings, hungObjects, hungService } from "../support/workers/hung-bindings.ts";

vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const USER = { email: "ada@example.com", password: "correct horse" };

/** One isolate of identity after the other on the same database, each with vars of its own. */
function isolates() {
  const db = sqliteD1(migrationsOf("identity"));
  const statements: string[] = [];
  const counted = new Proxy(db, {
    get: (target, name) =>
      name === "prepare"
        ? (sql: string) => (statements.push(sql), target.prepare(sql))
        : Reflect.get(target, name),
  });
  const isolate = (CELLS: string, CELL_OF = "*=main") => {
    const env = {
      ...guardBindings(),
      LOG_LEVEL: "error",
      KEY_ENCRYPTION_KEY: "A".repeat(43),
      ADMIN_EMAIL: "",
      ADMIN_PASSWORD: "",
      RATE_LIMIT_SCALE: "1000",
      SESSION_AGE_MS_MAX: "15552000000",
      REFRESH_LEEWAY_MS: "10000",
      CELLS,
      CELL_OF,
      IDENTITY_DB: counted,
      RATE_WINDOW: hungObjects(),
      HISTORY: hungService(),
    } as unknown as IdentityEnv;
    return {
      accounts: new Accounts(CTX, env),
      operations: new Operations(CTX, env),
      trust: new Trust(CTX, env),
    };
  };
  return { isolate, db, statements };
}

describe("a cell that has users", () => {
  it("is missed by every isolate that starts without it: it does nothing, and its log says why, once", async () => {
    const { isolate, db } = isolates();
    const { accounts } = isolate("main,us", "NA=us,*=main");
    await accounts.register({ ...contextOf(10_000), continent: "NA" }, USER);
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      for (const [cells, cellOf] of [
        ["main", "*=main"],
        ["main,usa", "NA=usa,*=main"],
      ] as const) {
        const started = isolate(cells, cellOf);
        const refused = {
          code: "UNAVAILABLE",
          message: expect.stringContaining("CELLS: lacks the cell us, which has users"),
        };
        await expect(started.accounts.ready(contextOf(1_000))).rejects.toMatchObject(refused);
        await expect(
          started.accounts.register(contextOf(10_000), { ...USER, email: "eve@example.com" }),
        ).rejects.toMatchObject(refused);
        await expect(started.trust.snapshot(contextOf(1_000), 0)).rejects.toMatchObject(refused);
        await expect(started.operations.overview(contextOf(1_000))).rejects.toMatchObject(refused);
      }
      const lines = errors.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);
      expect(lines).toMatchObject([
        { event: "worker refused to start", causes: expect.stringContaining("lacks the cell us") },
        { event: "worker refused to start", causes: expect.stringContaining("lacks the cell us") },
      ]);
    } finally {
      errors.mockRestore();
    }
    expect(db.sqlite.prepare("SELECT count(*) AS n FROM account").get()).toEqual({ n: 1 });
    await isolate("main,us:enam,jp").accounts.ready(contextOf(1_000));
  });

  it("is looked for once an isolate, and a registration in main costs what it did", async () => {
    const { isolate, statements } = isolates();
    const { accounts } = isolate("main,us", "NA=us,*=main");
    for (let call = 0; call < 3; call += 1) await accounts.ready(contextOf(1_000));
    expect(statements.filter((sql) => /from "cell"/.test(sql))).toHaveLength(1);
    statements.length = 0;
    await accounts.register({ ...contextOf(10_000), continent: "EU" }, USER);
    expect(statements).toHaveLength(2);
    statements.length = 0;
    await accounts.register({ ...contextOf(10_000), continent: "NA" }, { ...USER, email: "eve@example.com" });
    expect(statements).toHaveLength(3);
  });

  it("may go as long as it has none", async () => {
    const { isolate } = isolates();
    await isolate("main,us", "NA=us,*=main").accounts.ready(contextOf(1_000));
    await expect(isolate("main").accounts.ready(contextOf(1_000))).resolves.toBeUndefined();
  });
});
