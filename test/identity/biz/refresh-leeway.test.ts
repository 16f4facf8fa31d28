import { describe, expect, it } from "vitest";
import { SESSION_TTL_MS } from "../../../src/identity/biz/lifetimes.ts";
import { refreshTokens } from "../../../src/identity/data/refresh-tokens.ts";
import { FIRST_SECRET, LEEWAY_MS, RefreshWorld, SECOND_SECRET } from "../support/refresh-world.ts";

/*
 * Refresh tokens by the real rules and statements, on a database whose clock is turned. Whatever
 * may come between two of them: refresh-interleavings.test.ts.
 */

const REFUSED = "UNAUTHENTICATED";

describe("two refreshes with one token at once", () => {
  it("have the same successor, and nobody is logged out", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    const [one, two] = await Promise.all([world.refreshed(first), world.refreshed(first)]);
    expect(one).toMatch(/^v1\./);
    expect(two).toBe(one);
    expect(await world.refreshed(one)).toMatch(/^v1\./);
    expect(world.ended()).toEqual([]);
  });

  it("are two uses where there is no leeway: one wins, and the family is dead", async () => {
    const world = new RefreshWorld();
    const strict = world.isolate({ leewayMs: 0 });
    const first = await world.open();
    const [one, two] = await Promise.all([world.refreshed(first, strict), world.refreshed(first, strict)]);
    expect([one, two]).toEqual([expect.stringMatching(/^v1\./), REFUSED]);
    expect(await world.refreshed(one, strict)).toBe(REFUSED);
    expect(world.ended()).toEqual(["reuse"]);
  });

  it("are answered alike by isolates whose clocks are five minutes apart, either way", async () => {
    const world = new RefreshWorld();
    const isolates = [-300_000, 0, 300_000].map((aheadMs) => world.isolate({ aheadMs }));
    const first = await world.open();
    const answers = await Promise.all(isolates.map((isolate) => world.refreshed(first, isolate)));
    expect(new Set(answers).size).toBe(1);
    expect(world.ended()).toEqual([]);
  });
});

describe("a token whose answer was lost", () => {
  it("is answered again with the same successor until the leeway is over, and ends the family then", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    const second = await world.refreshed(first);
    world.clock.turn(LEEWAY_MS - 1);
    expect(await world.refreshed(first)).toBe(second);
    world.clock.turn(1);
    expect(await world.refreshed(first)).toBe(REFUSED);
    expect(await world.refreshed(second)).toBe(REFUSED);
    expect(world.ended()).toEqual(["reuse"]);
  });

  it("has no more time for being asked again and again, and extends no session by it", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    await world.refreshed(first);
    const row = () => ({ ...world.db.statement("SELECT * FROM session").get() });
    const traded = row();
    for (let ms = 0; ms < LEEWAY_MS - 1_000; ms += 1_000) {
      world.clock.turn(1_000);
      expect(await world.refreshed(first)).toMatch(/^v1\./);
    }
    expect(row()).toEqual(traded);
    world.clock.turn(1_000);
    expect(await world.refreshed(first)).toBe(REFUSED);
  });

  it("is not answered where the session has ended meanwhile", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    await world.refreshed(first);
    world.db.sqlite.exec("UPDATE session SET revoked_at = 1, revoke_reason = 'logout'");
    expect(await world.refreshed(first)).toBe(REFUSED);
  });

  it("is of no use once its successor was used: what is older ends the family, in the leeway too", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    const third = await world.refreshed(await world.refreshed(first));
    expect(await world.refreshed(first)).toBe(REFUSED);
    expect(await world.refreshed(third)).toBe(REFUSED);
    expect(world.ended()).toEqual(["reuse"]);
  });
});

describe("whoever has the secret alone, and knows a session's id", () => {
  it("is told no token, be it the newest, the one before it or too soon, and its owner still is", async () => {
    const world = new RefreshWorld();
    const isolate = world.isolate({ limit: 2 });
    const first = await world.open();
    const tokens = refreshTokens([FIRST_SECRET]);
    const sessionId = String(world.db.statement("SELECT id FROM session").get()?.["id"]);
    const forged = (generation: number): string =>
      tokens.make({ keyId: tokens.keyId, sessionId, generation, seed: tokens.newSeed() }) ?? "";
    expect(await world.refreshed(forged(0), isolate)).toBe(REFUSED);
    const second = await world.refreshed(first, isolate);
    expect(second).toMatch(/^v1\..*\.1\./);
    expect(await world.refreshed(forged(0), isolate)).toBe(REFUSED);
    const third = await world.refreshed(second, isolate);
    expect(third).toMatch(/^v1\..*\.2\./);
    expect(await world.refreshed(forged(2), isolate)).toBe(REFUSED);
    expect(await world.refreshed(third, isolate)).toBe("RATE_LIMITED");
    expect(world.ended()).toEqual([]);
  });
});

describe("how often a session may be refreshed", () => {
  it.each([1, 7, 10, 11, 25, 1_000])("is %d a minute at least, and a fifth more at most", async (limit) => {
    const world = new RefreshWorld();
    const isolate = world.isolate({ limit });
    let token = await world.open();
    for (const minute of [1, 2]) {
      let traded = 0;
      for (; traded < 2 * limit; traded += 1) {
        world.clock.turn(1);
        const next = await world.refreshed(token, isolate);
        if (next === "RATE_LIMITED") break;
        token = next;
      }
      expect([minute, traded >= limit, traded <= Math.max(limit, 1.2 * limit)]).toEqual([minute, true, true]);
      world.clock.turn(60_000);
    }
  });
});

describe("a changed secret", () => {
  const before = { secrets: [FIRST_SECRET] };
  const announced = { secrets: [FIRST_SECRET, SECOND_SECRET] };
  const after = { secrets: [SECOND_SECRET, FIRST_SECRET] };
  const dropped = { secrets: [SECOND_SECRET] };

  it("reads what the one before has made for as long as that lives, thirty days, and makes the next itself", async () => {
    const world = new RefreshWorld();
    const [kept, left] = [await world.open(), await world.open()];
    world.clock.turn(SESSION_TTL_MS - 1);
    const second = await world.refreshed(kept, world.isolate(after));
    world.clock.turn(1);
    expect(await world.refreshed(left, world.isolate(after))).toBe(REFUSED);
    expect(await world.refreshed(second, world.isolate(dropped))).toMatch(/^v1\./);
    expect(world.ended()).toEqual([]);
  });

  it("answers a retry with the successor that the secret of the trade has made", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    const second = await world.refreshed(first, world.isolate(before));
    expect(await world.refreshed(first, world.isolate(after))).toBe(second);
    const third = await world.refreshed(second, world.isolate(after));
    expect(await world.refreshed(second, world.isolate(announced))).toBe(third);
  });

  it("that hasn't reached an isolate makes it say that it can't answer, and nothing is spent or ended", async () => {
    const world = new RefreshWorld();
    const first = await world.open();
    const second = await world.refreshed(first, world.isolate(after));
    expect(await world.refreshed(first, world.isolate(before))).toBe("UNAVAILABLE");
    expect(await world.refreshed(second, world.isolate(before))).toBe(REFUSED);
    expect(await world.refreshed(second, world.isolate(after))).toMatch(/^v1\./);
  });

  it("takes the place of a leaked one in each session that was refreshed since, whoever has the table too", async () => {
    const world = new RefreshWorld();
    await world.refreshed(await world.open(), world.isolate(after));
    const row = world.db.statement("SELECT id, token_seed AS seed, generation FROM session").get();
    const leaked = refreshTokens([FIRST_SECRET]);
    const forged = leaked.make({
      keyId: leaked.keyId,
      sessionId: String(row?.["id"]),
      generation: Number(row?.["generation"]),
      seed: String(row?.["seed"]),
    });
    expect(await world.refreshed(forged ?? "", world.isolate(after))).toBe(REFUSED);
    expect(world.ended()).toEqual([]);
  });

  it("lets nobody with a leaked one and the table wait for the next trade either: that ends the family", async () => {
    const world = new RefreshWorld();
    const second = await world.refreshed(await world.open(), world.isolate(after));
    const row = world.db.statement("SELECT id, token_seed AS seed, generation FROM session").get();
    const leaked = refreshTokens([FIRST_SECRET]);
    const forged = leaked.make({
      keyId: leaked.keyId,
      sessionId: String(row?.["id"]),
      generation: Number(row?.["generation"]),
      seed: String(row?.["seed"]),
    });
    expect(await world.refreshed(second, world.isolate(after))).toMatch(/^v1\./);
    expect(await world.refreshed(forged ?? "", world.isolate(after))).toBe(REFUSED);
    expect(world.ended()).toEqual(["reuse"]);
  });
});

describe("a token of the kind before", () => {
  it("is traded once for the new kind, and a lost answer is given again; later it ends the family", async () => {
    const world = new RefreshWorld();
    await world.openBefore("random");
    const [second, again] = await Promise.all([world.refreshed("random"), world.refreshed("random")]);
    expect(second).toMatch(/^v1\..*\.1\./);
    expect(again).toBe(second);
    expect(await world.refreshed(second)).toMatch(/^v1\..*\.2\./);
    expect(await world.refreshed("random")).toBe(REFUSED);
    expect(world.ended()).toEqual(["reuse"]);
  });

  it("that was used under the release before ends the family, a moment after a trade too", async () => {
    const world = new RefreshWorld();
    await world.openBefore("random", ["used"]);
    const second = await world.refreshed("random");
    expect(await world.refreshed("used")).toBe(REFUSED);
    expect(await world.refreshed(second)).toBe(REFUSED);
    expect(world.ended()).toEqual(["reuse"]);
  });

  it("leaves no more rows than it found", async () => {
    const world = new RefreshWorld();
    await world.openBefore("random", ["used"]);
    await world.refreshed(await world.refreshed("random"));
    expect(world.db.statement("SELECT count(*) AS n FROM refresh_token").get()?.["n"]).toBe(2);
  });

  it("that nobody issued is refused, and nothing ends", async () => {
    const world = new RefreshWorld();
    await world.openBefore("random");
    expect(await world.refreshed("made up")).toBe(REFUSED);
    expect(await world.refreshed("random")).toMatch(/^v1\./);
  });
});
