import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import type { TokenGrant, TrustSnapshot } from "../../src/contracts/identity.ts";
import { accessTokenAuthenticator } from "../../src/platform/trust/authenticate.ts";
import { readPage } from "../../src/platform/trust/trust-page.ts";
import { trustSeal } from "../../src/platform/trust/trust-seal.ts";
import { TrustStore } from "../../src/platform/trust/trust-store.ts";
import type { PrivateKeyJwk } from "../../src/platform/jwk.ts";
import { readGoldenRecords } from "../fixtures/golden/golden-records.ts";
import { throwawaySecrets } from "../fixtures/throwaway-secrets.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const records = readGoldenRecords();
const calls = records.filter((record) => record.kind === "call");
const requests = records.filter((record) => record.kind === "request");
const snapshots = calls.filter(({ method }) => method === "snapshot").map(({ answer }) => answer);
const last = snapshots.at(-1) as TrustSnapshot;
const grants = calls
  .filter(({ method, error }) => ["login", "refresh"].includes(method) && error === undefined)
  .map(({ answer }) => answer as TokenGrant);

/** Whom a gateway believes that has heard this of identity. */
function authenticating(snapshot: TrustSnapshot, nowMs: number) {
  const trust = new TrustStore({
    pull: async () => snapshot,
    now: () => nowMs,
    sleep: async () => undefined,
    onFailure: () => undefined,
  });
  const authenticate = accessTokenAuthenticator({ trust, now: () => nowMs, background: () => undefined });
  return (token: string) => authenticate(`Bearer ${token}`, nowMs + 1_000);
}

describe("an access token of the release before", () => {
  it("lets its holder in, as whom it says, by identity's answer of then", async () => {
    expect(grants.length).toBeGreaterThan(5);
    for (const { accessToken: token, userId, roles } of grants) {
      const { iat = 0, sid } = decodeJwt(token);
      const principal = await authenticating({ ...last, revoked: [] }, iat * 1_000 + 500)(token);
      expect(principal).toMatchObject({ userId, sessionId: sid, roles });
    }
  });

  it("ends with its session", async () => {
    const ended = new Set(last.revoked.map(({ sessionId }) => sessionId));
    const revoked = grants.filter(({ accessToken: token }) => ended.has(String(decodeJwt(token)["sid"])));
    expect(revoked).not.toEqual([]);
    for (const { accessToken: token } of revoked) {
      const { iat = 0 } = decodeJwt(token);
      await expect(authenticating(last, iat * 1_000 + 500)(token)).rejects.toThrow("The session has ended");
    }
  });
});

describe("a page of trust of the release before", () => {
  it("is opened with the gateway's key and says whom to believe", async () => {
    const seal = trustSeal(JSON.parse(throwawaySecrets().GATEWAY_SIGNING_KEY) as PrivateKeyJwk);
    const pages = records.filter((record) => record.kind === "page");
    expect(pages).not.toEqual([]);
    for (const { url, sealed } of pages) {
      const page = readPage((await seal.open(url, sealed)) ?? "");
      expect(page).toMatchObject({
        keys: last.keys,
        revoked: last.revoked.map(({ sessionId }) => sessionId),
        nextSinceMs: last.nextSinceMs,
        more: last.more,
      });
    }
  });
});

describe("a BFF of the release before", () => {
  const answered = requests.filter(({ url }) => url.includes("/v1/"));

  it("finds in a request all that its own gateway has told it", async () => {
    const { call, forwarded, identityKey, clock } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    const ofHistory = answered.filter(({ url }) => url.includes("/v1/history"));
    expect(ofHistory.length).toBeGreaterThan(3);
    for (const { method, url, body } of ofHistory) {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      await call(new URL(url).pathname + new URL(url).search, {
        method,
        headers,
        ...(body === "" ? {} : { body }),
      });
      const [before] = answered.filter((one) => one.url === url);
      const sent = forwarded.at(-1);
      expect([...(sent?.headers.keys() ?? [])]).toEqual(
        expect.arrayContaining(Object.keys(before?.headers ?? {}).filter((name) => name.startsWith("x-"))),
      );
      const said = JSON.parse(before?.headers["x-context"] ?? "{}") as object;
      const now = JSON.parse(sent?.headers.get("x-context") ?? "{}") as object;
      expect(Object.keys(now)).toEqual(expect.arrayContaining(Object.keys(said)));
    }
  });

  it("has its answers passed on as they are", async () => {
    let answer = new Response(null);
    const { call, identityKey, clock } = await testGateway(() => answer);
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    const reads = answered.filter(({ method, url }) => method === "GET" && url.includes("/v1/history"));
    const wellEnded = reads.filter(({ status }) => status < 500);
    expect(wellEnded.length).toBeGreaterThan(3);
    for (const { url, status, answer: body, answerHeaders } of wellEnded) {
      answer = new Response(body, { status, headers: answerHeaders });
      const got = await call(new URL(url).pathname, { headers: { authorization: `Bearer ${token}` } });
      expect([got.status, await got.text()]).toEqual([status, body]);
      expect(got.headers.get("content-type")).toBe(answerHeaders["content-type"]);
    }
  });
});
