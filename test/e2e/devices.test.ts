import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { PlayheadClient } from "../../clients/typescript/client.ts";
import { ticketFrom } from "../../clients/typescript/sign-in.ts";
import type { Told } from "../../clients/typescript/client-events.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/* The devices of one user, by our own client: what one does the others are told. */

/** Longer than anything takes on a machine that is busy. */
const PATIENCE = { timeout: 20_000, interval: 10 };

let platform: E2ePlatform;
let api: ApiClient;
let people = 0;

beforeAll(async () => {
  platform = await startE2ePlatform();
  api = new ApiClient(platform.url);
});
afterAll(() => platform.stop());

/** A user, and devices of theirs. */
async function someone() {
  people += 1;
  const { token } = await api.signUp(`device-${people}@example.com`);
  const call = async (method: string, path: string, body?: unknown) =>
    api.callPatiently(method, path, { token, ...(body === undefined ? {} : { body }) });
  const device = async (id: string) => {
    const told: Told[] = [];
    const client = new PlayheadClient({
      url: platform.url.replace("http", "ws"),
      key: id,
      device: { id },
      signIn: ticketFrom(platform.url, async () => token),
      onTold: (one) => void told.push(one),
    });
    const start = async () => {
      client.start();
      await vi.waitFor(() => expect(client.rules.isLive).toBe(true), PATIENCE);
    };
    onTestFinished(() => client.stop());
    await start();
    const items = () => client.rules.copy.list().map(({ itemId, positionMs }) => `${itemId} ${positionMs}`);
    const shows = (expected: readonly string[]) =>
      vi.waitFor(() => expect(items()).toEqual(expected), PATIENCE);
    const hears = (type: Told["type"], what: object = {}) =>
      vi.waitFor(() => expect(told).toContainEqual(expect.objectContaining({ type, ...what })), PATIENCE);
    return { client, start, shows, hears };
  };
  return { call, device };
}

const reportOf = (itemId: string, positionMs: number) => ({
  kind: "video",
  itemId,
  positionMs,
  at: Date.now(),
});

describe("devices of one user", () => {
  it("show what the others report, over a socket or by HTTP, and what is done by hand", async () => {
    const { call, device } = await someone();
    const [phone, tv] = [await device("phone"), await device("tv")];
    await phone.client.report([reportOf("m1", 1_000)]);
    await tv.shows(["m1 1000"]);
    await call("POST", "/v1/history/reports", { reports: [reportOf("m2", 2_000)] });
    for (const one of [phone, tv]) await one.shows(["m2 2000", ...(one === tv ? ["m1 1000"] : [])]);
    await call("DELETE", "/v1/history/video/m2");
    await tv.shows(["m1 1000"]);
    await call("PUT", "/v1/history/settings", { paused: true });
    await vi.waitFor(() => expect(tv.client.rules.copy.isPaused).toBe(true), PATIENCE);
    await call("DELETE", "/v1/history");
    await tv.shows([]);
  });

  it("get what they missed while they were away", async () => {
    const { device } = await someone();
    const [phone, tv] = [await device("phone"), await device("tv")];
    await phone.client.report([reportOf("m1", 1_000)]);
    await tv.shows(["m1 1000"]);
    tv.client.stop();
    await phone.client.report([reportOf("m2", 2_000)]);
    await phone.client.report([reportOf("m1", 3_000)]);
    await tv.start();
    await tv.shows(["m1 3000", "m2 2000"]);
    expect(tv.client.rules.unacked).toBe(0);
  });

  it("know of each other, and tell each other what to do", async () => {
    const { device } = await someone();
    const [phone, tv] = [await device("phone"), await device("tv")];
    await phone.hears("devices", { devices: [expect.objectContaining({ id: "phone" }), expect.anything()] });
    const item = { kind: "video", itemId: "m1" };
    expect(phone.client.command({ to: "tv", command: "play", item, positionMs: 5_000 })).toBe(true);
    await tv.hears("command", { command: { from: "phone", command: "play", item, positionMs: 5_000 } });
  });

  it("are signed out within fifteen seconds of the session", async () => {
    const { call, device } = await someone();
    const phone = await device("phone");
    const begunAtMs = Date.now();
    await call("POST", "/v1/account/logout");
    await phone.hears("stopped", { why: "unauthenticated" });
    // Within two more it has tried to come back, and been refused.
    expect(Date.now() - begunAtMs).toBeLessThan(18_000);
  });
});
