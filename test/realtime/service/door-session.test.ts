import { beforeEach, describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { jsonPacket, joined, packet } from "../../../src/realtime/biz/packets.ts";
import { DoorSession } from "../../../src/realtime/service/door-session.ts";
import { fromHex, latin1, piecesOf } from "../../protocol/support/pieces.ts";
import { DoorFixture, TOKEN, USER } from "../support/door.ts";

const HEARTBEAT = packet(2, 9, latin1(""));
const auth = (body: object = { key: "k" }): Uint8Array => jsonPacket(7, 1, body);

let fixture: DoorFixture;
/** What the client sees. */
let seen: { readonly sent: (Uint8Array | string)[]; closed: { code: number; detail: string } | null };

beforeEach(() => {
  fixture = new DoorFixture();
  seen = { sent: [], closed: null };
});

function connect({ isTcp = false } = {}): { readonly session: DoorSession; readonly opened: Promise<void> } {
  const session = new DoorSession(
    fixture.deps,
    {
      send: (data) => seen.sent.push(data),
      close: (code, detail) => {
        expect(seen.closed).toBeNull();
        seen.closed = { code, detail };
      },
    },
    { isTcp },
  );
  return { session, opened: session.open() };
}

async function connected(first = auth(), options = {}): Promise<DoorSession> {
  const { session, opened } = connect(options);
  session.take(first);
  await opened;
  return session;
}

describe("the first packet", () => {
  it("takes a guest to the comet of their key, and is the first that the comet gets", async () => {
    await connected();
    expect(fixture.opened).toEqual([
      { comet: "guest-k", origin: { door: "goim", isTcp: false, user: null } },
    ]);
    expect(fixture.comet.sent).toEqual([auth()]);
    expect(seen).toEqual({ sent: [], closed: null });
  });

  it("takes a user to the comet that is their home, whatever their key", async () => {
    const first = auth({ key: "k", mid: 7, token: TOKEN });
    await connected(first, { isTcp: true });
    expect(fixture.opened).toEqual([
      { comet: "home-of-ada", origin: { door: "goim", isTcp: true, user: USER } },
    ]);
    expect(fixture.comet.sent).toEqual([first]);
  });

  it.each([[{}], [{ key: "" }]])("takes a guest without a key to any comet: %j", async (body) => {
    await connected(auth(body));
    expect(fixture.opened[0]?.comet).toBe("guest-any");
  });

  it("may come byte by byte, with others after it", async () => {
    const { session, opened } = connect();
    for (const piece of piecesOf(joined([auth(), HEARTBEAT]), 1)) session.take(piece);
    await opened;
    session.take(HEARTBEAT);
    expect(Buffer.concat(fixture.comet.sent as Uint8Array[])).toEqual(
      Buffer.from(joined([auth(), HEARTBEAT, HEARTBEAT])),
    );
  });

  it.each<[string, Uint8Array, number, string]>([
    ["another op", HEARTBEAT, 1_002, "the first packet must be op 7"],
    ["no packet", fromHex("0000000f"), 1_002, "a frame of 15 bytes was announced, the shortest has 16"],
    [
      "a long one",
      fromHex("7fffffff"),
      1_009,
      "a frame of 2147483647 bytes was announced, the longest has 4112",
    ],
    ["no JSON", packet(7, 1, latin1("{")), 4_422, "The body is not JSON"],
    ["no UTF-8", packet(7, 1, fromHex("ff")), 4_422, "The body is not UTF-8"],
    ["a room that is none", auth({ room_id: "nowhere" }), 4_422, "room_id: must be type://id"],
    ["a bad token", auth({ token: "x" }), 4_401, "The access token is not valid"],
  ])("closes with its code where it is %s", async (_, first, code, detail) => {
    await connected(first);
    expect(seen.closed).toEqual({ code, detail: expect.stringContaining(detail) });
    expect(fixture.opened).toEqual([]);
  });

  it("must have a token where guests have no place", async () => {
    fixture.hasGuests = false;
    await connected();
    expect(seen.closed?.code).toBe(4_403);
    await connected(auth({ token: TOKEN }));
    expect(fixture.opened).toHaveLength(1);
  });

  it("must come in time, however many bytes of it are there", async () => {
    const { session, opened } = connect();
    session.take(auth().subarray(0, -1));
    fixture.expire();
    await opened;
    expect(seen.closed).toEqual({ code: 4_408, detail: "no op 7 came within 5 s" });
  });

  it("says that it can't be told now who it is where that is so", async () => {
    fixture.authenticateError = new CodedError("UNAVAILABLE", "identity is away");
    await connected(auth({ token: TOKEN }));
    expect(seen.closed).toEqual({ code: 1_012, detail: "the socket's place can't be reached now" });
  });

  it("has one line where it could not be told who it is, and none for each of a crowd that is refused", async () => {
    for (const code of ["UNAVAILABLE", "CIRCUIT_OPEN", "OVERLOADED"] as const) {
      fixture.authenticateError = new CodedError(code, "identity is away");
      seen.closed = null;
      await connected(auth({ token: TOKEN }));
      expect(seen.closed).toMatchObject({ code: 1_012 });
    }
    expect(fixture.lines).toHaveLength(1);
  });

  it("says so, too, where the comet takes no socket", async () => {
    fixture.status = 503;
    await connected();
    expect(seen.closed?.code).toBe(1_012);
  });
});

describe("until the comet is reached", () => {
  it("what comes is held, and not without an end", async () => {
    const gate = Promise.withResolvers<void>();
    fixture.opening = gate.promise;
    const { session, opened } = connect();
    session.take(auth());
    const large = packet(4, 1, new Uint8Array(4_096));
    for (let count = 0; count < 15; count += 1) session.take(large);
    expect(seen.closed).toBeNull();
    session.take(large);
    expect(seen.closed).toEqual({ code: 4_429, detail: "too much came before the answer to op 7" });
    gate.resolve();
    await opened;
    expect(fixture.comet).toMatchObject({ sent: [], closed: [{ code: 1_001 }] });
  });

  it("a client that goes leaves no socket behind", async () => {
    const gate = Promise.withResolvers<void>();
    fixture.opening = gate.promise;
    const { session, opened } = connect();
    session.take(auth());
    session.end(1_006, "the client is gone");
    gate.resolve();
    await opened;
    expect(fixture.comet.closed).toEqual([{ code: 1_001, detail: "the client is gone" }]);
  });

  it("a client that goes before its first packet is waited for no longer", async () => {
    const { session, opened } = connect();
    session.end(1_006, "the client is gone");
    await opened;
    expect(fixture.opened).toEqual([]);
    expect(seen.closed).toBeNull();
  });
});

describe("a connection that is carried", () => {
  it("gives the client what the comet sends, and the comet whole packets", async () => {
    const session = await connected();
    fixture.comet.receive(packet(8, 1, latin1("")));
    expect(seen.sent).toEqual([packet(8, 1, latin1(""))]);
    session.take(HEARTBEAT.subarray(0, 7));
    expect(fixture.comet.sent).toHaveLength(1);
    session.take(HEARTBEAT.subarray(7));
    expect(fixture.comet.sent.slice(1)).toEqual([HEARTBEAT]);
  });

  it("carries the text that is a heartbeat, and its answer", async () => {
    const session = await connected();
    session.takeText("ping");
    fixture.comet.receive("pong");
    expect(fixture.comet.sent.at(-1)).toBe("ping");
    expect(seen.sent).toEqual(["pong"]);
  });

  it("answers that heartbeat itself while the comet isn't reached yet", async () => {
    const reached = Promise.withResolvers<void>();
    fixture.opening = reached.promise;
    const { session, opened } = connect();
    session.take(auth());
    session.takeText("ping");
    expect(seen).toEqual({ sent: ["pong"], closed: null });
    reached.resolve();
    await opened;
    expect(fixture.comet.sent).toEqual([auth()]);
  });

  it("takes no other text, and none before the first packet", async () => {
    (await connected()).takeText("hello");
    expect(seen.closed?.code).toBe(1_002);
    expect(fixture.comet.closed).toEqual([{ code: 1_002, detail: "packets are bytes, not text" }]);
    seen.closed = null;
    connect().session.takeText("ping");
    expect(seen.closed).toMatchObject({ code: 1_002 });
  });

  it.each([0, 1])("comes in so many pieces a second, be they of %d bytes", async (length) => {
    const session = await connected();
    const bytes = packet(4, 1, new Uint8Array(4_000));
    for (let at = 0; at < 600 && seen.closed === null; at += 1) session.take(bytes.subarray(at, at + length));
    expect(seen.closed?.code).toBe(4_429);
    expect(fixture.comet.closed).toMatchObject([{ code: 4_429 }]);
  });

  it("is over for both ends with a malformed packet, which the comet doesn't get", async () => {
    const session = await connected();
    session.take(joined([HEARTBEAT, fromHex("00001011")]));
    session.take(HEARTBEAT);
    const end = { code: 1_009, detail: "a frame of 4113 bytes was announced, the longest has 4112" };
    expect(seen.closed).toEqual(end);
    expect(fixture.comet).toMatchObject({ sent: [auth()], closed: [end] });
  });

  it.each([
    [4_401, "the session has ended", { code: 4_401, detail: "the session has ended" }],
    [1_000, "", { code: 1_000, detail: "" }],
    [1_006, "lost", { code: 1_012, detail: "the object was replaced" }],
    [1_005, "", { code: 1_012, detail: "the object was replaced" }],
  ])("ends for the client as the comet ends it: %i %j", async (code, detail, told) => {
    const session = await connected();
    fixture.comet.end(code, detail);
    expect(seen.closed).toEqual(told);
    session.take(HEARTBEAT);
    session.end(1_000, "");
    expect(fixture.comet.sent).toHaveLength(1);
  });

  it.each([
    [4_000, "bye", 4_000],
    [1_005, "", 1_000],
    [1_006, "", 1_001],
    [1_015, "", 1_001],
  ])("ends for the comet as the client ends it: %i %j", async (code, detail, told) => {
    const session = await connected();
    session.end(code, detail);
    expect(fixture.comet.closed).toEqual([{ code: told, detail }]);
    fixture.comet.receive(HEARTBEAT);
    expect(seen).toEqual({ sent: [], closed: null });
  });

  it("is closed with no more of a reason than a frame has room for", async () => {
    const session = await connected();
    session.fail({ reason: "invalid", detail: "é".repeat(100) });
    expect(seen.closed).toEqual({ code: 4_422, detail: "é".repeat(61) });
  });
});
