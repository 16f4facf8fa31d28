import { describe, expect, it } from "vitest";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { snapshotOf, testGateway } from "../support/workers/test-gateway.ts";

/*
 * A token whose key a gateway doesn't know is bad, or younger than what it knows. 401 makes its
 * client throw it away; 503 makes it come again.
 */

async function withRotatedKey() {
  const gateway = await testGateway();
  const { call, clock, identityKey } = gateway;
  const rotated = await testKey("identity-2");
  const ask = async (key = identityKey, sessionId = "s-1"): Promise<Response> =>
    call("/v1/history", {
      headers: { authorization: `Bearer ${await accessToken({ key, nowMs: clock.now(), sessionId })}` },
    });
  await ask();
  return { ...gateway, rotated, ask };
}

describe("a token of a key that the gateway doesn't know", () => {
  it.each(["failing", "hanging"] as const)(
    "is 503 with Retry-After while identity is %s, and good when it is back",
    async (trouble) => {
      const { clock, identity, identityKey, rotated, ask } = await withRotatedKey();
      clock.turn(2_000);
      identity.snapshot = snapshotOf([identityKey.publicJwk, rotated.publicJwk]);
      identity[trouble] = true;
      const refused = await ask(rotated);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
      expect(await refused.json()).toMatchObject({ code: "UNAVAILABLE" });
      identity[trouble] = false;
      clock.turn(1_000);
      expect((await ask(rotated)).status).toBe(200);
    },
  );

  it("is not looked for again where a pull has just failed: not by its own request, nor by the next", async () => {
    const { clock, identity, rotated, ask } = await withRotatedKey();
    identity.failing = true;
    // So long ago that the request must pull before it decides.
    clock.turn(11_000);
    const before = identity.pulls;
    expect((await ask(rotated)).status).toBe(503);
    expect(identity.pulls - before).toBe(1);
    clock.turn(900);
    expect((await ask(await testKey("another"))).status).toBe(503);
    expect(identity.pulls - before).toBe(1);
  });

  it("is looked for once a request while nothing was ever pulled", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    identity.failing = true;
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now(), sessionId: "s-1" })}`;
    expect((await call("/v1/history", { headers: { authorization } })).status).toBe(503);
    expect(identity.pulls).toBe(1);
  });

  it("is 401 once identity has been asked and has none either", async () => {
    const { clock, ask } = await withRotatedKey();
    clock.turn(2_000);
    expect((await ask(await testKey("nobody's"))).status).toBe(401);
    expect((await ask(await testKey("nobody's"))).status).toBe(401);
  });

  it("is good at once where the key signs at once, though keys were pulled a moment ago", async () => {
    const { identity, identityKey, rotated, ask } = await withRotatedKey();
    identity.snapshot = snapshotOf([identityKey.publicJwk, rotated.publicJwk]);
    expect((await ask(rotated)).status).toBe(200);
  });

  it("is good where a pull was under way that had read the keys before it was made", async () => {
    const { clock, identity, identityKey, rotated, ask, background } = await withRotatedKey();
    clock.turn(5_000);
    const answer = Promise.withResolvers<void>();
    identity.before = answer.promise;
    // Young enough to decide by: the pull is beside the request.
    expect((await ask()).status).toBe(200);
    identity.before = null;
    identity.snapshot = snapshotOf([identityKey.publicJwk, rotated.publicJwk]);
    const asked = ask(rotated);
    await new Promise((resolve) => void setTimeout(resolve, 20));
    answer.resolve();
    expect((await asked).status).toBe(200);
    await Promise.all(background);
  });

  it("is never thrown away for somebody's made-up ids: it is told to come again, and is good then", async () => {
    const { clock, identity, identityKey, rotated, ask } = await withRotatedKey();
    clock.turn(2_000);
    await ask(await testKey("made-up"));
    identity.snapshot = snapshotOf([identityKey.publicJwk, rotated.publicJwk]);
    expect((await ask(rotated)).status).toBe(503);
    clock.turn(1_000);
    expect((await ask(rotated)).status).toBe(200);
  });

  it("makes the gateway ask at most once a second, whatever ids are made up", async () => {
    const { clock, identity, ask } = await withRotatedKey();
    for (let count = 0; count < 30; count += 1) {
      clock.turn(100);
      await ask(await testKey(`made-up-${count}`));
    }
    expect(identity.pulls).toBeLessThanOrEqual(5);
  });
});

describe("a key that is distrusted", () => {
  it("takes its tokens with it within 15 s, also those that were verified before", async () => {
    const { clock, identity, identityKey, rotated, background, call } = await withRotatedKey();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    const ask = async (): Promise<number> =>
      (await call("/v1/history", { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await ask()).toBe(200);
    identity.snapshot = snapshotOf([rotated.publicJwk]);
    const endedAtMs = clock.now();
    let status = 200;
    while (status === 200 && clock.now() - endedAtMs < 15_000) {
      clock.turn(1_000);
      status = await ask();
      await Promise.all(background);
    }
    expect(status).toBe(401);
    expect(
      (await (await call("/.well-known/jwks.json")).json<{ keys: { kid: string }[] }>()).keys.map(
        ({ kid }) => kid,
      ),
    ).toEqual(["identity-2"]);
  });
});
