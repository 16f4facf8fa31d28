import { describe, expect, it } from "vitest";
import { talkOverTcp } from "../../examples/goim-over-tcp/run.ts";

const SIGNED_IN = { op: 8, seq: 1, body: "" };
const ONLINE = { op: 3, seq: 2, body: "\0\0\0*" };
const PUSHED = ["sticky", "packets"].map((body) => ({ op: 1_000, seq: 0, body }));
const PACKETS = [SIGNED_IN, ONLINE, ...PUSHED];
/** How many bytes PACKETS are, two of them in an envelope. */
const BYTES = 16 + 20 + 16 + (16 + 6) + (16 + 7);

describe("a worker that reads packets from a TCP socket", () => {
  it("gets all of them from a server that writes one byte at a time", async () => {
    const { packets, bytes, chunks, fault } = await talkOverTcp({ pieceLength: 1, ending: "clean" });
    expect({ packets, bytes, fault }).toEqual({ packets: PACKETS, bytes: BYTES, fault: null });
    // The kernel may put some of the bytes together, but most packets come in several chunks.
    expect(chunks).toBeGreaterThan(2 * PACKETS.length);
  });

  it("gets all of them from one that writes all at once", async () => {
    expect(await talkOverTcp({ pieceLength: 1_000, ending: "clean" })).toMatchObject({
      packets: PACKETS,
      bytes: BYTES,
      fault: null,
    });
  });

  it("gets those before the end of a server that is cut off within one, and knows of the end", async () => {
    const { packets, fault } = await talkOverTcp({ pieceLength: 1, ending: "cut" });
    expect({ packets, fault }).toEqual({
      packets: PACKETS,
      fault: "FrameError: the stream has ended within a frame",
    });
  });

  it("hangs up on a server that announces two gigabytes", async () => {
    const { packets, fault } = await talkOverTcp({ pieceLength: 1, ending: "lying" });
    expect({ packets, fault }).toEqual({
      packets: PACKETS,
      fault: "FrameError: a frame of 2147483647 bytes was announced, the longest has 65552",
    });
  });
});
