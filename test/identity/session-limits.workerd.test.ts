import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { SESSION_TTL_MS } from "../../src/identity/biz/lifetimes.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { AGE_MS_MAX, newFamily, REFRESH_LIMIT, sessionIdOf } from "./support/session-model.ts";

const db = env.IDENTITY_DB;
const refused = { code: "UNAUTHENTICATED" };
/** Rows, as docs/design/identity.md has them. */
const READ_A_REFRESH = 10;

describe("a session's age", () => {
  /** Refreshes every 29 days until it is refused. Answers the session's age then. */
  async function ageAtRefusal(ageMsMax?: number): Promise<number> {
    const { clock, sessions, open } = await newFamily(ageMsMax === undefined ? {} : { ageMsMax });
    const openedAtMs = clock.now();
    let { refreshToken } = await open();
    for (let months = 0; months < 100; months += 1) {
      clock.turn(29 * 86_400_000);
      const next = await sessions
        .refresh(refreshToken)
        .catch((error: { readonly code: string }) => error.code);
      if (next === "UNAUTHENTICATED") return clock.now() - openedAtMs;
      if (typeof next === "string") throw new Error(next);
      ({ refreshToken } = next);
    }
    return Number.POSITIVE_INFINITY;
  }

  it("has an end, however often it is refreshed", async () => {
    const ageMs = await ageAtRefusal();
    expect(ageMs).toBeGreaterThanOrEqual(AGE_MS_MAX);
    expect(ageMs).toBeLessThan(AGE_MS_MAX + SESSION_TTL_MS);
  });

  it("ends it to the ms, and is written down as the end of the session", async () => {
    const { clock, sessions, open } = await newFamily();
    const openedAtMs = clock.now();
    let grant = await open();
    for (const turnMs of [SESSION_TTL_MS - 1, SESSION_TTL_MS - 1, SESSION_TTL_MS - 1, 2]) {
      clock.turn(turnMs);
      grant = await sessions.refresh(grant.refreshToken);
    }
    expect(clock.now() - openedAtMs).toBe(AGE_MS_MAX - 1);
    const endsAtMs = await db
      .prepare("SELECT expires_at FROM session WHERE id = ?")
      .bind(sessionIdOf(grant))
      .first("expires_at");
    expect(endsAtMs).toBe(openedAtMs + AGE_MS_MAX);
    clock.turn(1);
    await expect(sessions.refresh(grant.refreshToken)).rejects.toMatchObject(refused);
  });

  it("shorter than the thirty days a refresh is good for is the shorter of both", async () => {
    const { clock, sessions, open } = await newFamily({ ageMsMax: 3_600_000 });
    const first = await open();
    clock.turn(3_599_999);
    const second = await sessions.refresh(first.refreshToken);
    clock.turn(1);
    await expect(sessions.refresh(second.refreshToken)).rejects.toMatchObject(refused);
  });

  it("counts too where a release that knows none has extended the session, or the var was higher then", async () => {
    const { clock, sessions, open } = await newFamily();
    const grant = await open();
    await db
      .prepare("UPDATE session SET expires_at = ?2 WHERE id = ?1")
      .bind(sessionIdOf(grant), clock.now() + 10 * AGE_MS_MAX)
      .run();
    clock.turn(AGE_MS_MAX - 1);
    const { refreshToken: next } = await sessions.refresh(grant.refreshToken);
    clock.turn(1);
    await expect(sessions.refresh(next)).rejects.toMatchObject(refused);
  });

  it.each([-300_000, 300_000])(
    "is off by no more than the clock is that opened it: %d ms",
    async (aheadMs) => {
      const { clock, sessions, open } = await newFamily({ ageMsMax: 3_600_000 });
      clock.turn(Math.max(0, aheadMs));
      clock.stepBack(Math.max(0, -aheadMs));
      const first = await open();
      clock.turn(Math.max(0, -aheadMs));
      clock.stepBack(Math.max(0, aheadMs));
      clock.turn(3_600_000 + aheadMs - 1);
      const second = await sessions.refresh(first.refreshToken);
      clock.turn(1);
      await expect(sessions.refresh(second.refreshToken)).rejects.toMatchObject(refused);
    },
  );
});

describe("refreshes of one session", () => {
  const { limit, windowMs } = REFRESH_LIMIT;

  /** A session refreshed as often as it may be within a minute, a second apart. */
  async function busySession() {
    const family = await newFamily();
    const used: string[] = [];
    let { refreshToken } = await family.open();
    for (let number = 0; number < limit; number += 1) {
      family.clock.turn(1_000);
      used.push(refreshToken);
      ({ refreshToken } = await family.sessions.refresh(refreshToken));
    }
    return { ...family, used, refreshToken };
  }

  it("are ten a minute; the eleventh says when to come back, spends nothing, and is good then and not a ms before", async () => {
    const { clock, sessions, refreshToken } = await busySession();
    const tooOften = await sessions.refresh(refreshToken).catch((error: unknown) => error);
    expect(tooOften).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: windowMs - (limit - 1) * 1_000 });
    clock.turn(windowMs - (limit - 1) * 1_000 - 1);
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: 1,
    });
    clock.turn(1);
    await expect(sessions.refresh(refreshToken)).resolves.toBeDefined();
  });

  it("are no other session's, the same user's neither", async () => {
    const { sessions, open, refreshToken } = await busySession();
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await expect(sessions.refresh((await open()).refreshToken)).resolves.toBeDefined();
  });

  it("that are refused don't count, whoever sends them", async () => {
    const { clock, sessions, refreshToken } = await busySession();
    for (let number = 0; number < 2 * limit; number += 1)
      await sessions.refresh(refreshToken).catch(() => undefined);
    clock.turn(windowMs - (limit - 1) * 1_000);
    await expect(sessions.refresh(refreshToken)).resolves.toBeDefined();
  });

  it("leave a used token what it is: beyond the limit, too, it ends the family", async () => {
    const { clock, sessions, used, refreshToken } = await busySession();
    await expect(sessions.refresh(used.at(-1) ?? "")).rejects.toMatchObject(refused);
    clock.turn(windowMs);
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject(refused);
  });

  it("are held up by no clock that was a month ahead for a while", async () => {
    const { clock, sessions, open } = await newFamily();
    clock.turn(7 * 86_400_000);
    let { refreshToken } = await open();
    for (let number = 0; number < limit; number += 1)
      ({ refreshToken } = await sessions.refresh(refreshToken));
    clock.stepBack(7 * 86_400_000);
    await expect(sessions.refresh(refreshToken)).resolves.toBeDefined();
  });

  it("read no more rows in a session that has been refreshed many times", async () => {
    const { metered, rowsRead } = meteredD1(db);
    const { clock, sessions, open } = await newFamily({ database: metered });
    let { refreshToken } = await open();
    const costs: number[] = [];
    for (let number = 0; number < 60; number += 1) {
      clock.turn(number < 30 ? 6_000 : 600_000);
      const before = rowsRead();
      ({ refreshToken } = await sessions.refresh(refreshToken));
      costs.push(rowsRead() - before);
    }
    expect(new Set(costs)).toEqual(new Set([READ_A_REFRESH]));
  });
});
