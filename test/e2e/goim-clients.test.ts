import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";
import { freePort } from "../support/platforms/launched-script.ts";
import { GoimTcpClient, type SentPacket } from "../support/sockets/goim-tcp-client.ts";

/* goim's own clients: as bytes on a real TCP socket, and over a WebSocket at /sub. */

const encoder = new GoimEncoder();
const SIGNED_IN = { op: 8, seq: 1, body: "" };

let platform: E2ePlatform;
let tcpPort: number;
let api: ApiClient;
let operator: string;
let people = 0;

beforeAll(async () => {
  tcpPort = await freePort();
  platform = await startE2ePlatform({ REALTIME_GUESTS: "on" }, { tcpPort });
  api = new ApiClient(platform.url);
  const { ADMIN_EMAIL, ADMIN_PASSWORD } = platform.secrets;
  operator = (await api.signIn(ADMIN_EMAIL, ADMIN_PASSWORD)).token;
});

afterAll(() => platform.stop());

async function push(where: string, body: string): Promise<unknown> {
  const answer = await api.callPatiently("POST", `/v1/ops/push/${where}`, { token: operator, body });
  expect(answer.status).toBe(202);
  return answer.body["delivered"];
}

async function online(room: string): Promise<unknown> {
  const path = `/v1/ops/online?room=${encodeURIComponent(room)}`;
  return (await api.callPatiently("GET", path, { token: operator })).body["online"];
}

/** One packet as a message over a WebSocket. */
const message = (op: number, seq: number, body: string | object = ""): Uint8Array<ArrayBuffer> =>
  encoder.encode({
    ver: 1,
    op,
    seq,
    body: new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)),
  });

/** A socket at /sub, and what it was sent: each message as the packets in it. */
async function subscribe() {
  const socket = new WebSocket(`${platform.url.replace("http", "ws")}/sub`);
  socket.binaryType = "arraybuffer";
  const packets: (SentPacket & { readonly inner?: readonly SentPacket[] })[] = [];
  socket.addEventListener("message", ({ data }) => {
    for (const packet of packetsIn(new Uint8Array(data as ArrayBuffer))) packets.push(packet);
  });
  await once(socket, "open");
  const next = () =>
    vi.waitFor(
      () => {
        const packet = packets.shift();
        if (packet === undefined) throw new Error("no packet has come");
        return packet;
      },
      { timeout: 15_000, interval: 5 },
    );
  return { socket, next };
}

function packetsIn(bytes: Uint8Array): readonly (SentPacket & { readonly inner?: readonly SentPacket[] })[] {
  const decoder = new GoimDecoder({ maxBodyLength: 65_536 });
  decoder.write(bytes);
  const packets: (SentPacket & { readonly inner?: readonly SentPacket[] })[] = [];
  for (let packet = decoder.next(); packet !== null; packet = decoder.next()) {
    const { op, seq, body } = packet;
    const text = Buffer.from(body).toString("latin1");
    packets.push(op === 9 ? { op, seq, body: "", inner: packetsIn(body) } : { op, seq, body: text });
  }
  return packets;
}

describe("a native client of goim's, over TCP", () => {
  it("signs in, beats and is pushed to, though it writes one byte at a time", async () => {
    const client = await GoimTcpClient.connect(tcpPort, 1);
    await client.send(7, 1, { mid: 7, key: "", room_id: "live://tcp", platform: "ios", accepts: [1_000] });
    expect(await client.next()).toEqual(SIGNED_IN);
    await vi.waitFor(async () => expect(await online("live://tcp")).toBe(1), { timeout: 15_000 });
    await client.send(2, 2);
    expect(await client.next()).toEqual({ op: 3, seq: 2, body: "\0\0\0\u0001" });
    expect(await push("room?operation=1000&id=live://tcp", "hello")).toBe(1);
    // Over TCP pushes come bare, without the envelope.
    expect(await client.next()).toEqual({ op: 1_000, seq: 0, body: "hello" });
    await client.send(12, 3, "live://other");
    expect(await client.next()).toEqual({ op: 13, seq: 3, body: "live://other" });
    client.socket.end();
    await client.ended;
  });

  it("with a token is who that says, and gets what is pushed to the user", async () => {
    const { token, userId } = await api.signUp(`native-${(people += 1)}@example.com`);
    const client = await GoimTcpClient.connect(tcpPort, 7);
    await client.send(7, 1, { mid: 1, key: "phone", accepts: [1_001], token });
    expect(await client.next()).toEqual(SIGNED_IN);
    expect(await push(`users?operation=1001&ids=${userId}`, "for you")).toBe(1);
    expect(await client.next()).toEqual({ op: 1_001, seq: 0, body: "for you" });
    client.socket.end();
  });

  it("that is reset leaves nobody in its room", async () => {
    const client = await GoimTcpClient.connect(tcpPort);
    await client.send(7, 1, { room_id: "live://ghosts" });
    await client.next();
    await vi.waitFor(async () => expect(await online("live://ghosts")).toBe(1), { timeout: 15_000 });
    client.socket.resetAndDestroy();
    await vi.waitFor(async () => expect(await online("live://ghosts")).toBe(0), { timeout: 15_000 });
  });

  it("that floods is hung up on, and one beside it is answered meanwhile", async () => {
    const [flooder, other] = [await GoimTcpClient.connect(tcpPort), await GoimTcpClient.connect(tcpPort)];
    await other.send(7, 1, {});
    expect(await other.next()).toEqual(SIGNED_IN);
    await flooder.send(7, 1, {});
    expect(await flooder.next()).toEqual(SIGNED_IN);
    const heartbeats = Buffer.concat(Array.from({ length: 50_000 }, () => message(2, 9)));
    flooder.socket.write(heartbeats);
    await other.send(2, 5);
    expect(await other.next()).toMatchObject({ op: 3, seq: 5 });
    await flooder.ended;
    expect(flooder.unread.length).toBeLessThan(100);
    other.socket.end();
  });

  it.each([
    ["a malformed packet", Uint8Array.of(0, 0, 0, 15)],
    ["a packet that is too long", Uint8Array.of(0x7f, 0xff, 0xff, 0xff)],
    ["another op than 7 first", message(2, 1)],
    ["a bad token", message(7, 1, { token: "x" })],
  ])("is hung up on after %s", async (_, bytes) => {
    const client = await GoimTcpClient.connect(tcpPort);
    await client.write(bytes);
    await client.ended;
    expect(client.unread).toEqual([]);
  });
});

describe("a client of goim's at /sub", () => {
  it("signs in, beats, and gets pushes in envelopes", async () => {
    const { socket, next } = await subscribe();
    // Two packets in one message, and one in two.
    const heartbeat = message(2, 2);
    socket.send(
      Buffer.concat([message(7, 1, { mid: 123, room_id: "live://sub", accepts: [1_000] }), heartbeat]),
    );
    expect(await next()).toEqual(SIGNED_IN);
    expect(await next()).toMatchObject({ op: 3, seq: 2 });
    socket.send(heartbeat.subarray(0, 5));
    socket.send(heartbeat.subarray(5));
    expect(await next()).toMatchObject({ op: 3, seq: 2 });
    await vi.waitFor(async () => expect(await online("live://sub")).toBe(1), { timeout: 15_000 });
    expect(await push("room?operation=1000&id=live://sub", "hello")).toBe(1);
    expect(await next()).toEqual({
      op: 9,
      seq: 0,
      body: "",
      inner: [{ op: 1_000, seq: 0, body: "hello" }],
    });
    socket.close();
  });

  it.each([
    ["a malformed packet", Uint8Array.of(0, 0, 0, 15), 1_002, "a frame of 15 bytes was announced"],
    ["a packet that is too long", Uint8Array.of(0, 0, 0x10, 0x11), 1_009, "the longest has 4112"],
    ["another op than 7 first", message(2, 1), 1_002, "the first packet must be op 7"],
    ["a bad token", message(7, 1, { token: "x" }), 4_401, "The access token is not valid"],
    ["a room that is none", message(7, 1, { room_id: "nowhere" }), 4_422, "room_id: must be type://id"],
  ])("is told why it is closed after %s", async (_, bytes, code, reason) => {
    const { socket } = await subscribe();
    socket.send(bytes);
    const [closed] = (await once(socket, "close")) as [CloseEvent];
    expect([closed.code, closed.reason]).toEqual([code, expect.stringContaining(reason)]);
  });

  it("loses its key to the one that comes with it later", async () => {
    const [first, second] = [await subscribe(), await subscribe()];
    const closed = once(first.socket, "close") as Promise<[CloseEvent]>;
    first.socket.send(message(7, 1, { key: "the one" }));
    expect(await first.next()).toEqual(SIGNED_IN);
    second.socket.send(message(7, 1, { key: "the one" }));
    expect(await second.next()).toEqual(SIGNED_IN);
    expect((await closed)[0].code).toBe(4_409);
    second.socket.close();
  });
});
