import { describe, expect, it } from "vitest";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { snapshotOf, testGateway } from "../support/workers/test-gateway.ts";

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
const PLAIN = 'Bearer realm="playhead"';
const INVALID = `${PLAIN}, error="invalid_token", error_description="The token is expired, revoked or not valid"`;
const INSUFFICIENT = `${PLAIN}, error="insufficient_scope", error_description="The roles of the token do not allow this"`;

describe("the gateway's challenge", () => {
  it.each([
    ["names no error where nobody came with a token", {}, PLAIN],
    ["names none where somebody came with another scheme", { authorization: "Basic YTpi" }, PLAIN],
    ["says of what is no token that it is invalid", { authorization: "Bearer a.b.c" }, INVALID],
    ["says so of one with odd characters", { authorization: "Bearer a b" }, INVALID],
    ["says so of one that is empty", { authorization: "Bearer " }, INVALID],
    ["says so of one that is too long", { authorization: `Bearer ${"a".repeat(5_000)}` }, INVALID],
  ])("%s", async (_what, headers, challenge) => {
    const { call } = await testGateway();
    const response = await call("/v1/history", { headers });
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, challenge]);
  });

  it("says of an expired token, one by a foreign key and one of a revoked session that it is invalid, and nothing of the token", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    identity.snapshot = snapshotOf([identityKey.publicJwk], ["s-9"], clock.now());
    const nowMs = clock.now();
    for (const token of [
      await accessToken({ key: identityKey, nowMs: nowMs - 3_600_000 }),
      await accessToken({ key: await testKey("identity-1"), nowMs }),
      await accessToken({ key: await testKey("identity-9"), nowMs }),
      await accessToken({ key: identityKey, nowMs, sessionId: "s-9" }),
    ]) {
      const response = await call("/v1/history", bearer(token));
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, INVALID]);
    }
  });

  it("says of roles that don't suffice what they are: of insufficient scope", async () => {
    const { call, clock, identityKey } = await testGateway();
    const response = await call(
      "/v1/ops/overview",
      bearer(await accessToken({ key: identityKey, nowMs: clock.now() })),
    );
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([403, INSUFFICIENT]);
  });

  it("is on no other answer, and is the BFF's where the BFF has one", async () => {
    const answers = [403, 401].map(
      (status) =>
        new Response(null, { status, headers: status === 401 ? { "www-authenticate": PLAIN } : {} }),
    );
    const { call, clock, identityKey } = await testGateway(() => answers.shift() ?? Response.json({}));
    const init = bearer(await accessToken({ key: identityKey, nowMs: clock.now() }));
    const seen = [
      await call("/v1/history", init),
      await call("/v1/history", init),
      await call("/v1/history", init),
      await call("/nowhere"),
    ];
    expect(seen.map(({ headers }) => headers.get("www-authenticate"))).toEqual([null, PLAIN, null, null]);
  });
});
