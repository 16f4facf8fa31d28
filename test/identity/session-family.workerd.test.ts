import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SESSION_TTL_MS } from "../../src/identity/biz/lifetimes.ts";
import {
  accountStore,
  isRevoked,
  newFamily,
  sessionAction,
  sessionIdOf,
  SessionModel,
} from "./support/session-model.ts";

const refused = { code: "UNAUTHENTICATED" };

describe("a refresh token", () => {
  it("works once, for the same session, and its successor works next", async () => {
    const { sessions, open } = await newFamily();
    const first = await open();
    const second = await sessions.refresh(first.refreshToken);
    const third = await sessions.refresh(second.refreshToken);
    expect(new Set([first, second, third].map(sessionIdOf)).size).toBe(1);
    expect(new Set([first, second, third].map(({ refreshToken }) => refreshToken)).size).toBe(3);
  });

  it("used a second time ends the whole family, the newest token too", async () => {
    const { sessions, open } = await newFamily();
    const first = await open();
    const second = await sessions.refresh(first.refreshToken);
    await expect(sessions.refresh(first.refreshToken)).rejects.toMatchObject(refused);
    await expect(sessions.refresh(second.refreshToken)).rejects.toMatchObject(refused);
    expect(await isRevoked(sessionIdOf(first))).toBe(true);
  });

  it("presented many times at once is traded for exactly one, whose family is dead", async () => {
    const { sessions, open } = await newFamily();
    const first = await open();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => sessions.refresh(first.refreshToken)),
    );
    const won = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(won).toHaveLength(1);
    expect(await isRevoked(sessionIdOf(first))).toBe(true);
    for (const { refreshToken } of won)
      await expect(sessions.refresh(refreshToken)).rejects.toMatchObject(refused);
  });

  it("that nobody issued is refused, and nothing dies of it", async () => {
    const { sessions, open } = await newFamily();
    const first = await open();
    await expect(sessions.refresh("made up")).rejects.toMatchObject(refused);
    await expect(sessions.refresh(first.refreshToken)).resolves.toBeDefined();
  });

  it("expires, and each trade gives the session its full time again", async () => {
    const { clock, sessions, open } = await newFamily();
    const [kept, left] = [await open(), await open()];
    clock.turn(SESSION_TTL_MS - 1_000);
    const second = await sessions.refresh(kept.refreshToken);
    clock.turn(1_000);
    await expect(sessions.refresh(left.refreshToken)).rejects.toMatchObject(refused);
    clock.turn(SESSION_TTL_MS - 2_000);
    await expect(sessions.refresh(second.refreshToken)).resolves.toBeDefined();
  });
});

describe("a session", () => {
  it("is not opened for a password that has changed since it was checked, nor for an account that is gone", async () => {
    const { account, sessions } = await newFamily();
    expect(await sessions.open({ ...account, passwordHash: "plain:before" })).toBeNull();
    await accountStore.erase({
      userId: account.id,
      cell: null,
      knownHash: account.passwordHash,
      nowMs: 1,
      retryAtMs: 1,
      operatorEmail: null,
    });
    expect(await sessions.open(account)).toBeNull();
  });

  it("states the roles of the moment it was written, whatever was read before", async () => {
    const { account, sessions } = await newFamily();
    await accountStore.setRoles({
      userId: account.id,
      roles: ["operator"],
      audit: { id: crypto.randomUUID(), atMs: 1, actor: "op" },
    });
    expect((await sessions.open(account))?.roles).toEqual(["operator"]);
  });
});

describe("sessions and their tokens", () => {
  it("do what a list of families on paper does, whatever clients try", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sessionAction, { minLength: 5, maxLength: 25 }), async (actions) => {
        const model = new SessionModel(await newFamily());
        for (const action of [{ kind: "open" as const }, ...actions]) await model.take(action);
        expect(model.disagreements).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
