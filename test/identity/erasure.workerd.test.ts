import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import worker from "../../src/identity/worker.ts";
import {
  accounts,
  operations,
  anyone,
  bearerOf,
  db,
  history,
  logIn,
  newAccount,
  PASSWORD,
  revokedSessions,
  sessionOf,
} from "./support/identity-worker.ts";

const erasureOf = (userId: string) =>
  db.prepare("SELECT * FROM erasure WHERE user_id = ?").bind(userId).first();

/** The cron comes round, once everything that waits for a later turn has had its wait. */
async function sweepLater(): Promise<void> {
  await db.prepare("UPDATE erasure SET next_at = 0 WHERE done_at IS NULL").run();
  const ctx = createExecutionContext();
  await worker.scheduled(createScheduledController(), env);
  await waitOnExecutionContext(ctx);
}

afterEach(() => history.setFailing(false));

/** A user whose erasure has failed once and is due in so long, after a turn of the cron. */
async function erasedAndPutOff(ms: number): Promise<string> {
  const { email, userId } = await newAccount();
  await history.setFailing(true);
  await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
  await vi.waitFor(async () =>
    expect(await erasureOf(userId)).toMatchObject({ last_error: expect.any(String) }),
  );
  await history.setFailing(false);
  await db
    .prepare("UPDATE erasure SET next_at = ?2 WHERE user_id = ?1")
    .bind(userId, Date.now() + ms)
    .run();
  await worker.scheduled(createScheduledController(), env);
  return userId;
}

describe("an erasure", () => {
  it("takes credentials and sessions at once, and the history right after", async () => {
    const { email, userId } = await newAccount();
    const grants = [await logIn(email), await logIn(email)];
    const [own] = grants;
    await accounts.erase(bearerOf(own ?? (await logIn(email))), PASSWORD);
    await expect(logIn(email)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const revoked = await revokedSessions();
    for (const grant of grants) {
      expect(revoked).toContain(sessionOf(grant));
      await expect(accounts.me(bearerOf(grant))).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
      await expect(accounts.refresh(anyone, grant.refreshToken)).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
      });
    }
    await vi.waitFor(async () =>
      expect(await erasureOf(userId)).toMatchObject({
        attempts: 1,
        last_error: null,
        done_at: expect.any(Number),
      }),
    );
    expect(await history.erased()).toContain(userId);
    const left = await db
      .prepare(
        "SELECT (SELECT count(*) FROM account WHERE id = ?1) + (SELECT count(*) FROM refresh_token t JOIN session s ON s.id = t.session_id WHERE s.account_id = ?1) AS n",
      )
      .bind(userId)
      .first("n");
    expect(left).toBe(0);
  });

  it("that a clock a month ahead has put off for a month is tried at the next turn of the cron", async () => {
    const userId = await erasedAndPutOff(30 * 86_400_000);
    expect(await erasureOf(userId)).toMatchObject({ attempts: 2, done_at: expect.any(Number) });
  });

  it("is put off as its schedule says, also by a clock five minutes ahead", async () => {
    const userId = await erasedAndPutOff(64 * 60_000);
    expect(await erasureOf(userId)).toMatchObject({ attempts: 1, done_at: null });
    await sweepLater();
    expect(await erasureOf(userId)).toMatchObject({ attempts: 2, done_at: expect.any(Number) });
  });

  it("leaves the e-mail free for a new user", async () => {
    const { email, userId } = await newAccount();
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    const again = await accounts.register(anyone, { email, password: PASSWORD });
    expect(again.userId).not.toBe(userId);
  });

  it("with the wrong password erases nothing", async () => {
    const { email, userId } = await newAccount();
    const grant = await logIn(email);
    await expect(accounts.erase(bearerOf(grant), "wrong")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await erasureOf(userId)).toBeNull();
    await expect(accounts.refresh(anyone, grant.refreshToken)).resolves.toBeDefined();
  });

  it("is tried by the cron again and again while history is away, and then done once", async () => {
    await history.setFailing(true);
    const { email, userId } = await newAccount();
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    await vi.waitFor(async () =>
      expect(await erasureOf(userId)).toMatchObject({
        done_at: null,
        last_error: expect.stringContaining("away"),
      }),
    );
    expect((await operations.overview(anyone)).erasuresPending).toBe(1);
    await sweepLater();
    await sweepLater();
    expect(await erasureOf(userId)).toMatchObject({ attempts: 3, done_at: null });
    await history.setFailing(false);
    await sweepLater();
    await sweepLater();
    expect(await erasureOf(userId)).toMatchObject({
      attempts: 4,
      done_at: expect.any(Number),
      last_error: null,
    });
    expect((await history.erased()).filter((erased) => erased === userId)).toHaveLength(1);
    expect((await operations.overview(anyone)).erasuresPending).toBe(0);
  });
});

describe("the cron", () => {
  it("forgets what has expired, but a revoked session only when no token of it can live", async () => {
    const nowMs = Date.now();
    const session = db.prepare(
      "INSERT INTO session (id, account_id, created_at, expires_at, revoked_at) VALUES (?, 'nobody', 0, ?, ?)",
    );
    const token = db.prepare(
      "INSERT INTO refresh_token (hash, session_id, issued_at, expires_at) VALUES (?, ?, 0, ?)",
    );
    await db.batch([
      session.bind("expired", nowMs - 1, null),
      session.bind("long-revoked", nowMs + 1e9, nowMs - 20 * 60_000),
      session.bind("just-revoked", nowMs + 1e9, nowMs - 9 * 60_000),
      session.bind("running", nowMs + 1e9, null),
      token.bind("of-expired", "expired", nowMs + 1e9),
      token.bind("of-long-revoked", "long-revoked", nowMs + 1e9),
      token.bind("old-of-running", "running", nowMs - 1),
      token.bind("new-of-running", "running", nowMs + 1e9),
      ...Array.from({ length: 1_200 }, (_, n) => token.bind(`expired-${n}`, "running", nowMs - 1)),
      db.prepare("INSERT INTO signing_key VALUES ('retired', '{}', '', 0, 0, ?)").bind(nowMs - 1),
    ]);
    await sweepLater();
    const names = async (sql: string) =>
      (await db.prepare(sql).all()).results.map((row) => Object.values(row)[0]);
    expect(await names("SELECT id FROM session WHERE account_id = 'nobody' ORDER BY id")).toEqual([
      "just-revoked",
      "running",
    ]);
    expect(
      await names(
        "SELECT hash FROM refresh_token WHERE session_id IN ('expired', 'long-revoked', 'running')",
      ),
    ).toEqual(["new-of-running"]);
    expect(await names("SELECT kid FROM signing_key WHERE kid = 'retired'")).toEqual([]);
  });
});
