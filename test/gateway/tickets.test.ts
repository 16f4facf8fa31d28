import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { internalTokenMinter, internalTokenVerifier } from "../../src/platform/bff/internal-token.ts";
import { accessToken, testKey, type TestKey } from "../support/workers/ed25519.ts";
import { snapshotOf, testGateway } from "../support/workers/test-gateway.ts";

const UPGRADE = { upgrade: "websocket" };
const TICKETS = "/v1/realtime/tickets";
const ADA = { userId: "ada", sessionId: "s-1", roles: ["user"] } as const;
type Gateway = Awaited<ReturnType<typeof testGateway>>;

async function ticketOf(gateway: Gateway, sessionId = "s-1"): Promise<string> {
  const { identityKey: key, clock } = gateway;
  const headers = { authorization: `Bearer ${await accessToken({ key, nowMs: clock.now(), sessionId })}` };
  const answer = await gateway.call(TICKETS, { method: "POST", headers });
  const { ticket } = (await answer.json()) as { readonly ticket: string };
  return ticket;
}

const open = (gateway: Gateway, ticket: string, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.call(`/v1/realtime?ticket=${ticket}`, { headers: { ...UPGRADE, ...headers } });

interface Claims {
  readonly typ?: string;
  readonly aud?: string;
  readonly iss?: string;
  readonly sub?: string;
  readonly sid?: string;
  readonly cell?: string;
  /** From now on, in s. */
  readonly lives?: number;
}

/** A ticket as the gateway signs it, or one that differs where the test says so. */
function signed(nowMs: number, key: TestKey, claims: Claims = {}): Promise<string> {
  const { typ = "ticket+jwt", aud = "playhead-gateway", iss = "playhead-gateway", lives = 30 } = claims;
  const { sub = "ada", sid = "s-1", cell } = claims;
  const nowS = Math.floor(nowMs / 1000);
  return new SignJWT({ sid, roles: ["user"], ...(cell !== undefined && { cell }) })
    .setProtectedHeader({ alg: "EdDSA", kid: key.publicJwk.kid, typ })
    .setIssuer(iss)
    .setAudience(aud)
    .setSubject(sub)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + lives)
    .sign(key.privateKey);
}

describe("a ticket", () => {
  it("is for the caller's session, and says how long it lives", async () => {
    const { call, clock, identityKey } = await testGateway();
    const headers = {
      authorization: `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`,
    };
    const answer = await call(TICKETS, { method: "POST", headers });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(await answer.json()).toEqual({ ticket: expect.stringMatching(/^eyJ/), expiresIn: 30 });
  });

  it("is given to nobody who isn't signed in", async () => {
    const { call } = await testGateway();
    expect((await call(TICKETS, { method: "POST" })).status).toBe(401);
  });

  it("opens a socket in the name of its session, and travels no further", async () => {
    const gateway = await testGateway();
    const ticket = await ticketOf(gateway);
    const answer = await gateway.call(`/v1/realtime?a=1&ticket=${ticket}&b=2`, { headers: UPGRADE });
    expect(answer.status).toBe(200);
    const [request] = gateway.forwarded;
    expect(request?.url).toBe("http://playhead/v1/realtime?a=1&b=2");
    expect(request?.headers.get("upgrade")).toBe("websocket");
    const { gatewayKey, clock } = gateway;
    const verify = internalTokenVerifier({
      jwks: { keys: [gatewayKey.publicJwk] },
      audience: "playhead-realtime",
      now: clock.now,
    });
    expect(await verify(request?.headers.get("x-internal-token") ?? null)).toEqual(ADA);
    expect(JSON.stringify([...(request?.headers ?? [])])).not.toContain(ticket);
  });

  it("is in no line and no answer, whatever becomes of the request", async () => {
    for (const status of [200, 400, 503]) {
      const gateway = await testGateway(() => new Response("{}", { status }));
      const ticket = await ticketOf(gateway);
      const answers = [await open(gateway, ticket), await gateway.call(`/v1/realtime?ticket=${ticket}`)];
      gateway.clock.turn(31_000);
      answers.push(await open(gateway, ticket));
      // Where there is no such route, none takes a ticket.
      answers.push(await gateway.call(`/nowhere?ticket=${ticket}`));
      const told = await Promise.all(answers.map(async (answer) => [...answer.headers, await answer.text()]));
      expect(gateway.lines.length).toBeGreaterThan(0);
      expect(JSON.stringify([told, gateway.lines])).not.toContain(ticket);
    }
  });

  it("is good for 30 s, and says nothing of an access token when it is not", async () => {
    const gateway = await testGateway();
    const ticket = await ticketOf(gateway);
    gateway.clock.turn(29_000);
    expect((await open(gateway, ticket)).status).toBe(200);
    gateway.clock.turn(2_000);
    const late = await open(gateway, ticket);
    expect([late.status, late.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="playhead"']);
  });

  it("is refused once its session has ended", async () => {
    const gateway = await testGateway();
    const { identity, identityKey, clock } = gateway;
    const [ended, other] = [await ticketOf(gateway, "s-1"), await ticketOf(gateway, "s-2")];
    identity.snapshot = snapshotOf([identityKey.publicJwk], ["s-1"], clock.now());
    clock.turn(15_000);
    expect((await open(gateway, ended)).status).toBe(401);
    expect((await open(gateway, other)).status).toBe(200);
  });

  it("is refused for now where it can't be known who has left", async () => {
    const gateway = await testGateway();
    gateway.identity.failing = true;
    const ticket = await signed(gateway.clock.now(), gateway.gatewayKey);
    expect((await open(gateway, ticket)).status).toBe(503);
  });

  it("counts against the quota of requests, and so does what it opens", async () => {
    const gateway = await testGateway();
    const { identityKey: key, clock } = gateway;
    const authorization = `Bearer ${await accessToken({ key, nowMs: clock.now() })}`;
    const statuses: number[] = [];
    for (let count = 0; count < 61; count += 1) {
      const init = { method: "POST", headers: { authorization } };
      const answer = await gateway.call(TICKETS, init);
      statuses.push(answer.status);
      if (answer.status !== 201) continue;
      const { ticket } = (await answer.json()) as { readonly ticket: string };
      statuses.push((await open(gateway, ticket)).status);
    }
    expect(statuses.filter((status) => status !== 429)).toHaveLength(120);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe("what is no ticket", () => {
  it.each([
    ["another kind of token", { typ: "internal+jwt" }],
    ["a token of no kind", { typ: "" }],
    ["meant for somebody else", { aud: "playhead-realtime" }],
    ["by another issuer", { iss: "playhead" }],
    ["expired", { lives: -1 }],
    ["without a user", { sub: "" }],
    ["without a session", { sid: "" }],
    ["of a cell that can't be", { cell: "US" }],
  ])("is refused: %s", async (_what, more) => {
    const gateway = await testGateway();
    const ticket = await signed(gateway.clock.now(), gateway.gatewayKey, more);
    expect((await open(gateway, ticket)).status).toBe(401);
    expect(gateway.forwarded).toEqual([]);
  });

  it("is refused: signed by somebody else, or not at all, or garbage", async () => {
    const gateway = await testGateway();
    const nowMs = gateway.clock.now();
    const good = await signed(nowMs, gateway.gatewayKey);
    const [head, body] = good.split(".");
    const unsigned = `${btoa('{"alg":"none","typ":"ticket+jwt"}').replaceAll("=", "")}.${body}.`;
    for (const ticket of [
      await signed(nowMs, await testKey("gateway-1")),
      await signed(nowMs, gateway.identityKey),
      `${head}.${body}.`,
      unsigned,
      "garbage",
      "",
      "x".repeat(5_000),
    ])
      expect((await open(gateway, ticket)).status).toBe(401);
    expect((await open(gateway, good)).status).toBe(200);
  });

  it("is an access token or an internal one, and a ticket is neither of them", async () => {
    const gateway = await testGateway();
    const { identityKey: key, gatewayKey, clock } = gateway;
    const token = await accessToken({ key, nowMs: clock.now() });
    expect((await open(gateway, token)).status).toBe(401);
    const mint = internalTokenMinter(gatewayKey.privateJwk, clock.now);
    for (const audience of ["playhead-realtime", "playhead-gateway"])
      expect((await open(gateway, await mint(ADA, audience))).status).toBe(401);

    const ticket = await ticketOf(gateway);
    for (const path of ["/v1/history", "/v1/account/me", "/v1/realtime"]) {
      const headers = { ...UPGRADE, authorization: `Bearer ${ticket}` };
      expect((await gateway.call(path, { headers })).status).toBe(401);
    }
    const verify = internalTokenVerifier({
      jwks: { keys: [gatewayKey.publicJwk] },
      audience: "playhead-realtime",
      now: clock.now,
    });
    await expect(verify(ticket)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("is a good one beside another, or beside Authorization", async () => {
    const gateway = await testGateway();
    const { identityKey: key, clock } = gateway;
    const ticket = await ticketOf(gateway);
    expect((await open(gateway, `${ticket}&ticket=${ticket}`)).status).toBe(400);
    const authorization = `Bearer ${await accessToken({ key, nowMs: clock.now() })}`;
    expect((await open(gateway, ticket, { authorization })).status).toBe(400);
    expect(gateway.forwarded).toEqual([]);
  });

  it("is a good one where no socket is opened in the name of its user", async () => {
    const gateway = await testGateway();
    const ticket = await ticketOf(gateway);
    expect((await gateway.call(`/v1/history?ticket=${ticket}`)).status).toBe(401);
    expect((await gateway.call(`${TICKETS}?ticket=${ticket}`, { method: "POST" })).status).toBe(401);
  });
});
