import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CLOSE_CODES, REALTIME_OPS } from "../../src/contracts/realtime.ts";
import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { GoimSocket } from "../../testbed/sockets/goim-socket.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/* The door: who gets in by what, how far, and for how long. */

/** After the end of a session. */
const CLOSED_WITHIN_MS = 15_000;

let platform: E2ePlatform;
let api: ApiClient;
let token: string;
const open: GoimSocket[] = [];

beforeAll(async () => {
  platform = await startE2ePlatform();
  api = new ApiClient(platform.url);
  ({ token } = await api.signUp("door@example.com"));
});

afterEach(() => {
  for (const socket of open.splice(0)) socket.cut();
});

afterAll(() => platform.stop());

async function connect(query: string, headers: Readonly<Record<string, string>> = {}): Promise<GoimSocket> {
  const socket = await GoimSocket.open(`${platform.url}/v1/realtime${query}`, headers);
  open.push(socket);
  return socket;
}

async function ticketOf(bearer: string): Promise<string> {
  const { status, body } = await api.call("POST", "/v1/realtime/tickets", { token: bearer });
  expect([status, body["expiresIn"]]).toEqual([201, 30]);
  return String(body["ticket"]);
}

const byToken = (bearer: string): Promise<GoimSocket> => connect("", { authorization: `Bearer ${bearer}` });
const byTicket = async (bearer: string): Promise<GoimSocket> => connect(`?ticket=${await ticketOf(bearer)}`);
const WAYS = [
  ["a token", byToken],
  ["a ticket", byTicket],
] as const;

describe.each(WAYS)("a socket that is opened by %s", (way, openBy) => {
  it("is its user's: what it reports is in their history", async () => {
    const socket = await openBy(token);
    const { body } = await socket.ask(GOIM_OPS.auth, {});
    expect(body).toHaveLength(0);
    const itemId = `by-${way.replace(" ", "-")}`;
    const report = { kind: "video", itemId, positionMs: 61_000 };
    expect((await socket.ask(REALTIME_OPS.report, { reports: [report] })).op).toBe(REALTIME_OPS.report);
    const history = await api.callPatiently("GET", "/v1/history?limit=10", { token });
    expect(JSON.stringify(history.body)).toContain(itemId);
  });

  it("is closed within 15 s of the end of its session, and opened by nothing of that any more", async () => {
    const { token: leaving } = await api.signIn("door@example.com", "correct horse battery");
    const ticket = await ticketOf(leaving);
    const socket = await openBy(leaving);
    await socket.ask(GOIM_OPS.auth, {});
    const stays = await openBy(token);
    await stays.ask(GOIM_OPS.auth, {});
    const leftAtMs = performance.now();
    expect((await api.call("POST", "/v1/account/logout", { token: leaving })).status).toBe(204);
    expect((await socket.closed).code).toBe(CLOSE_CODES.unauthenticated);
    expect(performance.now() - leftAtMs).toBeLessThan(CLOSED_WITHIN_MS);
    expect(stays.isOpen).toBe(true);
    await expect(byToken(leaving)).rejects.toThrow("401");
    await expect(connect(`?ticket=${ticket}`)).rejects.toThrow("401");
  });
});

describe("no socket is opened", () => {
  it.each<readonly [string, string, Readonly<Record<string, string>>, string]>([
    ["without a token", "", {}, "401"],
    ["by what is none", "", { authorization: "Bearer none" }, "401"],
    ["by what is no ticket", "?ticket=none", {}, "401"],
  ])("%s", async (_what, query, headers, status) => {
    await expect(connect(query, headers)).rejects.toThrow(status);
  });

  it("by an access token in the place of a ticket, nor by a ticket in the place of a token", async () => {
    await expect(connect(`?ticket=${token}`)).rejects.toThrow("401");
    await expect(byToken(await ticketOf(token))).rejects.toThrow("401");
  });

  it("without an upgrade", async () => {
    for (const path of ["/v1/realtime", "/sub"])
      expect((await api.call("GET", path, { token })).body).toMatchObject({ code: "UPGRADE_REQUIRED" });
  });
});

it("a token of somebody else's in the first packet closes the socket", async () => {
  const { token: other } = await api.signUp("other@example.com");
  const socket = await byToken(token);
  socket.send(GOIM_OPS.auth, { token: other });
  expect((await socket.closed).code).toBe(CLOSE_CODES.unauthenticated);
});

it("the platform is ready where sockets can be opened", async () => {
  const { body } = await api.callPatiently("GET", "/readyz");
  expect(body).toMatchObject({ status: "ready", upstreams: { realtime: "ok" } });
});
