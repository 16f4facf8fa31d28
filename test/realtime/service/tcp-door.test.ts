import { beforeEach, describe, expect, it } from "vitest";
import { UNREAD_BYTES_MAX } from "../../../src/contracts/realtime.ts";
import { jsonPacket, packet } from "../../../src/realtime/biz/packets.ts";
import { serveTcp } from "../../../src/realtime/service/tcp-door.ts";
import { fromHex, latin1, piecesOf } from "../../protocol/support/pieces.ts";
import { DoorFixture } from "../support/door.ts";

const AUTH = jsonPacket(7, 1, { key: "k" });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let fixture: DoorFixture;

beforeEach(() => {
  fixture = new DoorFixture();
});

/** A connection as the runtime hands it over, of which the test is the client. */
function connect({ reads = true } = {}) {
  const got: Uint8Array[] = [];
  let input: ReadableStreamDefaultController<Uint8Array> | undefined;
  const state = { ended: false, aborted: false, cancelled: false };
  const socket = {
    closed: Promise.resolve(),
    readable: new ReadableStream<Uint8Array>({
      start: (controller) => void (input = controller),
      cancel: () => void (state.cancelled = true),
    }),
    writable: new WritableStream<Uint8Array>({
      write: (chunk, { signal }) => {
        got.push(chunk);
        return reads ? undefined : new Promise((_, reject) => signal.addEventListener("abort", reject));
      },
      close: () => void (state.ended = true),
      abort: () => void (state.aborted = true),
    }),
  };
  const served = serveTcp(socket as unknown as Socket, fixture.deps);
  return { input: input as unknown as ReadableStreamDefaultController<Uint8Array>, got, state, served };
}

describe("a connection over TCP", () => {
  it("may come in pieces of any size, and gets the comet's bytes as they are", async () => {
    const { input, got, state, served } = connect();
    for (const piece of piecesOf(AUTH, 3)) input.enqueue(piece);
    await turn();
    expect(fixture.opened[0]?.origin).toEqual({ door: "goim", isTcp: true, user: null });
    const reply = packet(8, 1, latin1(""));
    fixture.comet.receive(reply);
    fixture.comet.receive("pong");
    await turn();
    expect(got).toEqual([reply]);
    input.close();
    await served;
    expect(fixture.comet.closed).toEqual([{ code: 1_000, detail: "the client has ended" }]);
    expect(state).toMatchObject({ ended: true, aborted: false });
  });

  it("that is reset leaves no socket in the comet", async () => {
    const { input, served } = connect();
    input.enqueue(AUTH);
    await turn();
    input.error(new Error("Network connection lost."));
    await served;
    expect(fixture.comet.closed).toEqual([{ code: 1_001, detail: "the client is gone" }]);
  });

  it("ends when the comet ends it", async () => {
    const { input, state, served } = connect();
    input.enqueue(AUTH);
    await turn();
    fixture.comet.end(4_401, "the session has ended");
    await served;
    expect(state).toEqual({ ended: true, aborted: false, cancelled: true });
  });

  it("ends at a malformed packet", async () => {
    const { input, state, served } = connect();
    input.enqueue(fromHex("0000000f"));
    await served;
    expect(state).toMatchObject({ ended: true, cancelled: true });
    expect(fixture.opened).toEqual([]);
  });

  it("whose client doesn't read is cut, and what it was sent is bounded", async () => {
    const { input, state, served, got } = connect({ reads: false });
    input.enqueue(AUTH);
    await turn();
    const push = packet(9, 0, new Uint8Array(UNREAD_BYTES_MAX / 4 - 16));
    for (let count = 0; count < 4; count += 1) fixture.comet.receive(push);
    expect(fixture.comet.closed).toEqual([]);
    fixture.comet.receive(push);
    expect(fixture.comet.closed).toEqual([{ code: 4_413, detail: "it doesn't read what it is sent" }]);
    fixture.comet.receive(push);
    // It has a second to read the rest, and no more.
    await turn();
    fixture.expire();
    await served;
    await turn();
    expect(state).toEqual({ ended: false, aborted: true, cancelled: true });
    expect(got).toHaveLength(1);
  });
});
