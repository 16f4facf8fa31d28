import { describe, expect, it } from "vitest";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { plainSeal, trustPlace, type Trouble } from "../support/workers/trust-place.ts";

/*
 * What the isolates of one place share. The price of it is that what one takes is older than it
 * looks; what must hold all the same is that a revoked session ends within 15 s.
 */

type Place = Awaited<ReturnType<typeof trustPlace>>;
type Isolate = ReturnType<Place["isolate"]>;

/** Lets each isolate have a request every `everyMs`, each at times of its own. */
async function traffic(place: Place, isolates: readonly Isolate[], ms: number, everyMs = 100): Promise<void> {
  const untilMs = place.clock.now() + ms;
  for (const [index, isolate] of isolates.entries()) {
    const request = (): void => {
      void isolate.look();
      if (place.clock.now() + everyMs <= untilMs) place.clock.after(everyMs, request);
    };
    place.clock.after((index * 37) % everyMs, request);
  }
  await place.pass(ms);
}

const isolatesOf = (place: Place, count: number): Isolate[] => Array.from({ length: count }, place.isolate);
/** Calls of identity in a minute, once all have begun. */
async function callsAMinute(isolates: number, trouble: Partial<Trouble> = {}): Promise<number> {
  const place = await trustPlace(trouble);
  const all = isolatesOf(place, isolates);
  await traffic(place, all, 10_000);
  const before = place.identity.asked.length;
  await traffic(place, all, 60_000);
  return place.identity.asked.length - before;
}

describe("the isolates of a place", () => {
  // The figures are those of docs/decisions/0014-trust-is-shared-in-a-place.md.
  it.each([
    [1, 15, 15],
    [10, 20, 150],
    [100, 24, 1_500],
    [300, 30, 4_500],
  ])(
    "ask identity once for all: %d of them at most %d times a minute, and %d without a cache",
    async (isolates, shared, alone) => {
      expect(await callsAMinute(isolates)).toBeLessThanOrEqual(shared);
      expect(await callsAMinute(isolates, { forgets: true })).toBe(alone);
    },
  );

  it("ask hardly more often where the cache and identity are slow", async () => {
    expect(await callsAMinute(100, { putMs: 45, cacheMs: 20, pullMs: 350 })).toBeLessThanOrEqual(30);
  });

  it("ask each for itself, and as far back as it must, where the cache forgets everything", async () => {
    const place = await trustPlace({ forgets: true });
    const all = isolatesOf(place, 3);
    for (let count = 0; count < 50; count += 1) place.identity.revoke(`s-${count}`);
    await traffic(place, all, 60_000);
    const { asked } = place.identity;
    expect(asked.length).toBeGreaterThanOrEqual(3 * 14);
    // The whole list now and then, to see whether the cache works by now.
    expect(asked.filter((sinceMs) => sinceMs === 0).length).toBeLessThanOrEqual(3 * 2);
    place.identity.revoke("late");
    await traffic(place, all, 15_000);
    expect(all.map(({ trust }) => trust.isRevoked("late"))).toEqual([true, true, true]);
  });
});

describe("a session that is revoked", () => {
  // The worst that the parts may do: an answer read long before it arrives, a cache that is slow
  // to keep it and keeps it for longer than it was told.
  const WORST = { pullMs: 440, putMs: 480, overtimeMs: 999, cacheMs: 10 } as const;

  it("is refused within 15 s by every isolate that has traffic, at whatever moment it was revoked", async () => {
    let slowestMs = 0;
    for (let offset = 0; offset < 24; offset += 1) {
      const place = await trustPlace(WORST);
      const all = isolatesOf(place, 5);
      await traffic(place, all, 12_000 + offset * 173);
      place.identity.revoke("s-1");
      const revokedAtMs = place.clock.now();
      while (!all.every(({ trust }) => trust.isRevoked("s-1"))) {
        expect(place.clock.now() - revokedAtMs).toBeLessThan(15_000);
        await traffic(place, all, 100);
      }
      slowestMs = Math.max(slowestMs, place.clock.now() - revokedAtMs);
    }
    expect(slowestMs).toBeGreaterThan(1_000);
  });

  it("is refused by a request that comes 15 s later to an isolate which has slept, or is new", async () => {
    const place = await trustPlace(WORST);
    const [sleeper, ...others] = isolatesOf(place, 4);
    await traffic(
      place,
      [sleeper, ...others].filter((one) => one !== undefined),
      9_000,
    );
    place.identity.revoke("s-1");
    await traffic(place, others, 15_000);
    const fresh = place.isolate();
    for (const one of [sleeper, fresh]) {
      const waiting = one?.look();
      await place.pass(600);
      await waiting;
      expect(one?.trust.isRevoked("s-1")).toBe(true);
    }
  });

  it("is taken for as old as the longest life, so that one who took an entry in its last moment asks in time", async () => {
    const place = await trustPlace(WORST);
    const [asker, taker] = isolatesOf(place, 2);
    void asker?.look();
    await place.pass(1_000);
    place.identity.revoke("s-1");
    // The last moment in which the entry is there.
    await place.pass(440 + 480 + 3_000 + 999 - 1_000 - 30);
    void taker?.look();
    await place.pass(20);
    expect(taker?.trust.keys).toHaveLength(1);
    expect(taker?.trust.isRevoked("s-1")).toBe(false);
    // Nobody has a request for seven seconds: by then it counts as ten seconds old.
    await place.pass(7_000);
    const waiting = taker?.look();
    expect(waiting).toBeInstanceOf(Promise);
    await place.pass(600);
    await waiting;
    expect(taker?.trust.isRevoked("s-1")).toBe(true);
  });
});

describe("a cache that is none", () => {
  const NO_KEYS = { format: 1, keys: [], revoked: [], nextSinceMs: 0, more: false };
  /** Found in place of what was put in, under a seal of ours. */
  const ofOurs = (page: object) => (url: string) => `sealed ${url} ${JSON.stringify(page)}`;
  const TROUBLES: readonly (readonly [string, Partial<Trouble>])[] = [
    ["fails", { fails: true }],
    ["hangs", { hangs: true }],
    ["holds what isn't sealed", { garbage: () => "<html>" }],
    ["holds what is sealed for another name", { garbage: () => ofOurs(NO_KEYS)("https://elsewhere") }],
    ["holds what is no JSON", { garbage: (url) => `sealed ${url} <html>` }],
    ["holds what another release wrote", { garbage: ofOurs({ ...NO_KEYS, format: 0 }) }],
    ["holds a snapshot without keys", { garbage: ofOurs(NO_KEYS) }],
    ["holds a key that is none", { garbage: ofOurs({ ...NO_KEYS, keys: [{ kid: "evil" }] }) }],
  ];

  it.each(TROUBLES)("since it %s leaves identity to be asked", async (_what, trouble) => {
    const place = await trustPlace(trouble);
    const [one, other] = isolatesOf(place, 2);
    const first = one?.look();
    // The fiftieth ms is that of a cache that hangs.
    await place.pass(50 + 80 + 20);
    await first;
    expect(one?.trust.keys).toEqual(place.identity.keys);
    void other?.look();
    await place.pass(150);
    expect(other?.trust.keys).toEqual(place.identity.keys);
    place.identity.revoke("s-1");
    await traffic(
      place,
      [one, other].filter((each) => each !== undefined),
      14_000,
    );
    expect([one, other].map((each) => each?.trust.isRevoked("s-1"))).toEqual([true, true]);
  });

  it("and comes back is in use again within a minute", async () => {
    const place = await trustPlace({ fails: true });
    const all = isolatesOf(place, 20);
    await traffic(place, all, 10_000);
    place.trouble.fails = false;
    await traffic(place, all, 60_000);
    const before = place.identity.asked.length;
    await traffic(place, all, 30_000);
    expect(place.identity.asked.length - before).toBeLessThanOrEqual(11);
  });
});

describe("an outage of identity", () => {
  it("makes no request wait, though another isolate has begun to ask", async () => {
    const place = await trustPlace();
    const all = isolatesOf(place, 10);
    await traffic(place, all, 5_000);
    place.trouble.identityFails = true;
    let waited = 0;
    for (let step = 0; step < 300; step += 1) {
      for (const { look } of all) if (look() !== undefined) waited += 1;
      await place.pass(100);
    }
    expect(waited).toBe(0);
  });

  it("is noticed by one isolate of a place a second, not by each", async () => {
    const place = await trustPlace();
    const all = isolatesOf(place, 50);
    await traffic(place, all, 5_000);
    place.trouble.identityFails = true;
    const before = place.identity.asked.length;
    await traffic(place, all, 4_000);
    expect(place.identity.asked.length - before).toBeLessThanOrEqual(10);
  });
});

describe("a list that is longer than a page", () => {
  const knows = (isolate: Isolate | undefined, count: number): number =>
    Array.from({ length: count }, (_, index) => isolate?.trust.isRevoked(`s-${index}`)).filter(Boolean)
      .length;

  async function long(count: number): Promise<Place> {
    const place = await trustPlace();
    for (let index = 0; index < count; index += 1) place.identity.revoke(`s-${index}`);
    await place.pass(count + 20_000);
    return place;
  }

  it("is read whole by the first, and from what it shares by the next", async () => {
    const place = await long(5_500);
    const [one, other] = isolatesOf(place, 2);
    void one?.look();
    await place.pass(1_000);
    expect(knows(one, 5_500)).toBe(5_500);
    const before = place.identity.asked.length;
    void other?.look();
    await place.pass(1_000);
    expect(knows(other, 5_500)).toBe(5_500);
    expect(place.identity.asked.length).toBe(before);
  });

  it("is not read again from its beginning: those who know it share its newest slot", async () => {
    const place = await long(5_500);
    const all = isolatesOf(place, 30);
    await traffic(place, all, 10_000);
    const before = place.identity.asked.length;
    place.identity.revoke("late");
    await traffic(place, all, 30_000);
    expect(all.every(({ trust }) => trust.isRevoked("late"))).toBe(true);
    // Two pages each time: the first, which says that there are more, and the newest.
    const asked = place.identity.asked.slice(before);
    expect(asked.length).toBeLessThanOrEqual(40);
    expect(new Set(asked).size).toBeLessThanOrEqual(8);
  });
});

describe("a key that isn't known", () => {
  it("is asked of identity itself: what is shared may be older than it", async () => {
    const place = await trustPlace();
    const [one, other] = isolatesOf(place, 2);
    for (const each of [one, other]) {
      void each?.look();
      await place.pass(200);
    }
    const [known] = place.identity.keys;
    if (known === undefined) throw new Error("identity has a key");
    place.identity.keys = [known, { ...known, kid: "identity-2" }];
    const found = other?.trust.keyOf("identity-2");
    await place.pass(200);
    expect(await found).toMatchObject({ kid: "identity-2" });
    // And the others of the place hear of it from there.
    await traffic(
      place,
      [one].filter((each) => each !== undefined),
      4_000,
    );
    expect(one?.trust.hasKey("identity-2")).toBe(true);
  });
});

describe("what a place shares", () => {
  async function shared(): Promise<Place> {
    const place = await trustPlace({ putMs: 1 });
    const all = isolatesOf(place, 2);
    place.identity.revoke("s-1");
    await traffic(place, all, 15_000);
    return place;
  }

  it("is under the gateway's own host and has no secret: public keys, and ids of sessions that have ended", async () => {
    const { entries, identity } = await shared();
    expect([...entries.keys()].sort()).toEqual([
      "https://api.example.com/.trust/0",
      "https://api.example.com/.trust/claim",
    ]);
    const url = "https://api.example.com/.trust/0";
    const page: unknown = JSON.parse((await plainSeal.open(url, entries.get(url)?.text ?? "")) ?? "");
    expect(page).toEqual({
      format: 1,
      keys: identity.keys,
      revoked: ["s-1"],
      nextSinceMs: expect.any(Number),
      more: false,
    });
    expect(identity.keys.flatMap((key) => Object.keys(key)).sort()).toEqual([
      "alg",
      "crv",
      "kid",
      "kty",
      "use",
      "x",
    ]);
  });

  it("is nowhere to be had from outside: its URLs are 404, signed in or not, by any method", async () => {
    const { entries } = await shared();
    const { call, clock, identityKey, forwarded } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now(), roles: ["admin"] });
    for (const url of entries.keys())
      for (const method of ["GET", "HEAD", "POST", "PUT", "PURGE"])
        for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
          const { pathname } = new URL(url);
          expect((await call(pathname, { method, headers })).status).toBe(404);
        }
    expect(forwarded).toEqual([]);
  });
});
