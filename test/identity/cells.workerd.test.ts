import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Continent } from "../../src/contracts/continent.ts";
import { principalOf } from "../../src/platform/bff/internal-token.ts";
import { d1Accounts } from "../../src/identity/data/d1-accounts.ts";
import worker from "../../src/identity/worker.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import {
  accounts,
  anyone,
  bearerOf,
  db,
  history,
  logIn,
  PASSWORD,
  verified,
} from "./support/identity-worker.ts";

/* This worker runs with CELLS "main,us:enam,jp" and CELL_OF "NA=us,AS=jp,*=main". */

const registeredFrom = async (continent?: Continent) => {
  const email = `${crypto.randomUUID()}@example.com`;
  const ctx = continent === undefined ? anyone : { ...anyone, continent };
  return { email, ...(await accounts.register(ctx, { email, password: PASSWORD })) };
};
const valueOf = (sql: string, ...values: readonly string[]) =>
  db
    .prepare(sql)
    .bind(...values)
    .first("value");
const homeIn = (userId: string) => valueOf("SELECT cell AS value FROM account WHERE id = ?", userId);

afterEach(() => history.setFailing(false));

describe("a user's home", () => {
  it.each([
    ["NA", "us"],
    ["AS", "jp"],
    ["EU", undefined],
    [undefined, undefined],
  ] as const)("of one who registers in %s is %s, in every token they ever get", async (continent, cell) => {
    const { email, userId } = await registeredFrom(continent);
    expect(await homeIn(userId)).toBe(cell ?? null);
    let grant = await logIn(email);
    for (let trade = 0; trade < 3; trade += 1) {
      const claims = await verified(grant);
      expect("cell" in claims).toBe(cell !== undefined);
      expect(claims["cell"]).toBe(cell);
      expect(principalOf(claims)?.cell).toBe(cell);
      grant = await accounts.refresh(anyone, grant.refreshToken);
    }
  });

  it("stays where it is, from wherever they log in", async () => {
    const { email } = await registeredFrom("NA");
    const grant = await accounts.login({ ...anyone, continent: "AS" }, { email, password: PASSWORD });
    expect(await verified(grant)).toMatchObject({ cell: "us" });
  });

  it("is main for the operator, from wherever the account was made", async () => {
    const grant = await accounts.login(
      { ...anyone, continent: "NA" },
      { email: "operator@example.com", password: "the operator's own" },
    );
    expect(await verified(grant)).not.toHaveProperty("cell");
    expect(await homeIn(grant.userId)).toBeNull();
  });

  it("is no other after an e-mail was erased and registers again from elsewhere", async () => {
    const { email } = await registeredFrom("NA");
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    await accounts.register({ ...anyone, continent: "AS" }, { email, password: PASSWORD });
    expect(await verified(await logIn(email))).toMatchObject({ cell: "jp" });
  });
});

describe("a cell", () => {
  it("is written down with its first user, once, and main never", async () => {
    const before = await valueOf("SELECT count(*) AS value FROM cell");
    await registeredFrom("EU");
    expect(await valueOf("SELECT count(*) AS value FROM cell")).toBe(before);
    await registeredFrom("NA");
    const first = await valueOf("SELECT first_user_at AS value FROM cell WHERE name = 'us'");
    await registeredFrom("NA");
    expect(await valueOf("SELECT first_user_at AS value FROM cell WHERE name = 'us'")).toBe(first);
    const { results } = await db.prepare("SELECT name FROM cell ORDER BY name").all();
    expect(results.map(({ name }) => name)).toEqual(["jp", "us"]);
  });
});

describe("a registration", () => {
  const costOf = async (cell: string | null) => {
    const { metered, rows, rowsRead } = meteredD1(env.IDENTITY_DB);
    const id = crypto.randomUUID();
    await d1Accounts(metered).add({
      id,
      email: `${id}@example.com`,
      passwordHash: "h",
      roles: ["user"],
      createdAtMs: 1,
      cell,
    });
    return { read: rowsRead(), written: rows() };
  };

  it("in another cell than main reads two rows more, and writes none but the cell's first", async () => {
    await costOf("us");
    const inMain = await costOf(null);
    const abroad = await costOf("us");
    expect(inMain.written).toBe(3);
    expect(abroad.written).toBe(inMain.written);
    expect(abroad.read - inMain.read).toBeLessThanOrEqual(2);
  });
});

describe("an erasure", () => {
  it("asks for the history in the user's own cell, right away", async () => {
    const { email, userId } = await registeredFrom("NA");
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    await vi.waitFor(async () => expect(await history.erased()).toContain(userId));
    expect(await history.cellOf(userId)).toBe("us");
    expect(await valueOf("SELECT cell AS value FROM erasure WHERE user_id = ?", userId)).toBe("us");
  });

  it("asks in the same cell when the cron tries again, though the account is gone", async () => {
    await history.setFailing(true);
    const { email, userId } = await registeredFrom("AS");
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    await vi.waitFor(async () =>
      expect(
        await valueOf("SELECT last_error AS value FROM erasure WHERE user_id = ?", userId),
      ).not.toBeNull(),
    );
    await history.setFailing(false);
    await db.prepare("UPDATE erasure SET next_at = 0 WHERE done_at IS NULL").run();
    const ctx = createExecutionContext();
    await worker.scheduled(createScheduledController(), env);
    await waitOnExecutionContext(ctx);
    expect(await history.cellOf(userId)).toBe("jp");
  });

  it("of a user of main names no cell, as ever", async () => {
    const { email, userId } = await registeredFrom();
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    await vi.waitFor(async () => expect(await history.erased()).toContain(userId));
    expect(await history.cellOf(userId)).toBeNull();
  });
});
