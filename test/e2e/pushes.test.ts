import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/* What operators and services push, as our own clients get it at /v1/realtime. */

const encoder = new GoimEncoder();
/** No text: whoever decoded it on the way would show. */
const BYTES = Uint8Array.of(0, 255, 254, 10);
const WAIT = { timeout: 15_000, interval: 5 } as const;

interface Packet {
  readonly op: number;
  readonly seq: number;
  readonly body: Uint8Array;
}
interface Place {
  readonly room: string;
  readonly epoch: string;
  readonly offset: number;
  readonly missed?: true;
}

let platform: E2ePlatform;
let api: ApiClient;
let admin: string;
let people = 0;

beforeAll(async () => {
  platform = await startE2ePlatform();
  api = new ApiClient(platform.url);
  const { ADMIN_EMAIL, ADMIN_PASSWORD } = platform.secrets;
  admin = (await api.signIn(ADMIN_EMAIL, ADMIN_PASSWORD)).token;
});

afterAll(() => platform.stop());

const newcomer = () => api.signUp(`pushed-to-${(people += 1)}@example.com`);

/** A push of bytes that nobody takes for JSON. Made once: one that failed may have been heard. */
async function push(where: string, body: Uint8Array<ArrayBuffer>, token = admin) {
  const response = await fetch(`${platform.url}/v1/ops/push/${where}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "image/png" },
    body,
  });
  return { status: response.status, body: await response.json<Record<string, unknown>>() };
}

const online = async (query: string): Promise<unknown> =>
  (await api.callPatiently("GET", `/v1/ops/online${query}`, { token: admin })).body["online"];

/** A socket of a user's that has signed in, and what it is sent. */
async function connect(token: string, auth: object) {
  const { status, body } = await api.callPatiently("POST", "/v1/realtime/tickets", { token });
  expect(status).toBe(201);
  const url = `${platform.url.replace("http", "ws")}/v1/realtime?ticket=${String(body["ticket"])}`;
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const packets: Packet[] = [];
  socket.addEventListener("message", ({ data }) => {
    packets.push(...packetsIn(new Uint8Array(data as ArrayBuffer)));
  });
  await once(socket, "open");
  const json = new TextEncoder().encode(JSON.stringify(auth));
  socket.send(encoder.encode({ ver: 1, op: 7, seq: 1, body: json }));
  /** The next packet with this op. */
  const next = (op: number): Promise<Packet> =>
    vi.waitFor(() => {
      const index = packets.findIndex((packet) => packet.op === op);
      const [packet] = index < 0 ? [] : packets.splice(index, 1);
      if (packet === undefined) throw new Error(`no packet with op ${op} has come`);
      return packet;
    }, WAIT);
  const nextJson = async <T>(op: number): Promise<T> =>
    JSON.parse(new TextDecoder().decode((await next(op)).body)) as T;
  await next(8);
  return { next, nextJson, close: () => socket.close() };
}

function packetsIn(bytes: Uint8Array): readonly Packet[] {
  const decoder = new GoimDecoder({ maxBodyLength: 65_536 });
  decoder.write(bytes);
  const packets: Packet[] = [];
  for (let packet = decoder.next(); packet !== null; packet = decoder.next()) {
    if (packet.op === 9) packets.push(...packetsIn(packet.body));
    else packets.push({ op: packet.op, seq: packet.seq, body: packet.body.slice() });
  }
  return packets;
}

describe("a push to a room", () => {
  it("reaches all who are in it, byte for byte, and whoever comes back gets what they missed", async () => {
    const room = "live://final";
    const [ada, bob] = await Promise.all([newcomer(), newcomer()]);
    const first = await connect(ada.token, { room_id: room });
    const second = await connect(bob.token, { room_id: room });
    const place = await first.nextJson<Place>(2_007);
    await second.next(2_007);
    await vi.waitFor(async () => expect(await online(`?room=${room}`)).toBe(2), WAIT);
    expect(await push(`room?operation=1000&id=${room}`, BYTES)).toEqual({
      status: 202,
      body: { delivered: 2 },
    });
    for (const socket of [first, second])
      expect(await socket.next(1_000)).toEqual({ op: 1_000, seq: place.offset + 1, body: BYTES });

    first.close();
    await vi.waitFor(async () => expect(await online(`?room=${room}`)).toBe(1), WAIT);
    for (const operation of [1_001, 1_002]) await push(`room?operation=${operation}&id=${room}`, BYTES);
    const had = { epoch: place.epoch, offset: place.offset + 1 };
    const back = await connect(ada.token, { room_id: room, room_since: had });
    expect((await back.nextJson<Place>(2_007)).missed).toBeUndefined();
    expect([(await back.next(1_001)).seq, (await back.next(1_002)).seq]).toEqual([
      had.offset + 1,
      had.offset + 2,
    ]);

    const stranger = { epoch: "another", offset: 3 };
    const lost = await connect(ada.token, { key: "another", room_id: room, room_since: stranger });
    expect(await lost.nextJson<Place>(2_007)).toMatchObject({ offset: had.offset + 2, missed: true });
    for (const socket of [second, back, lost]) socket.close();
  });

  it("is for admins: an operator may count who is there, a user neither", async () => {
    const { token } = await newcomer();
    expect((await push("room?operation=1000&id=live://final", BYTES, token)).status).toBe(403);
    expect((await api.call("GET", "/v1/ops/online", { token })).status).toBe(403);
    expect((await push("room?operation=1000&id=live://final", new Uint8Array(4_097))).status).toBe(413);
  });
});

describe("a push to users", () => {
  it("reaches their sockets that accept it, and nobody else's", async () => {
    const [ada, bob] = await Promise.all([newcomer(), newcomer()]);
    const phone = await connect(ada.token, { key: "phone", accepts: [1_000] });
    const tv = await connect(ada.token, { key: "tv", accepts: [1_001] });
    const others = await connect(bob.token, { accepts: [1_000] });
    const answer = { status: 202, body: { delivered: 1 } };
    expect(await push(`users?operation=1000&ids=${ada.userId}`, BYTES)).toEqual(answer);
    expect((await phone.next(1_000)).body).toEqual(BYTES);
    expect(await push(`all?operation=1001`, BYTES)).toEqual(answer);
    expect((await tv.next(1_001)).body).toEqual(BYTES);
    expect(await online("")).toBeGreaterThanOrEqual(3);
    for (const socket of [phone, tv, others]) socket.close();
  });
});

describe("a transfer", () => {
  it("is told to its user's sockets when it is settled, by its id", async () => {
    const { token, userId } = await newcomer();
    const deposit = await api.callPatiently("POST", `/v1/ops/wallets/${userId}/deposits`, {
      token: admin,
      body: { amount: 50 },
      headers: { "idempotency-key": "for-the-push" },
    });
    expect(deposit.status).toBe(201);
    const socket = await connect(token, {});
    const transfer = await api.callPatiently("POST", "/v1/transfers", {
      token,
      body: { from: "wallet", to: "savings", amount: 20 },
      headers: { "idempotency-key": "for-the-push" },
    });
    const { transferId } = transfer.body;
    expect(await socket.nextJson(2_003)).toEqual({
      transferId,
      from: "wallet",
      to: "savings",
      amount: 20,
      settledAt: expect.any(Number),
    });
    const { body } = await api.callPatiently("GET", `/v1/transfers/${String(transferId)}`, { token });
    expect(body["status"]).toBe("settled");
    socket.close();
  });
});
