import { describe, expect, it } from "vitest";
import { GOIM_BODY_LENGTH_MAX, GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import { GoimDecoder } from "../../../src/protocol/goim-decoder.ts";
import { REALTIME_OPS } from "../../../src/contracts/realtime.ts";
import { heartbeatReply, packet } from "../../../src/realtime/biz/packets.ts";
import { fromHex, latin1 } from "../../protocol/support/pieces.ts";
import { FROM_CLIENTS, TO_CLIENTS } from "../support/golden-frames.ts";

describe("a packet to a client", () => {
  it.each(TO_CLIENTS)("of $title is these bytes", ({ hex, made }) => {
    expect(made).toEqual(fromHex(hex));
  });

  it("has a golden one of each op of ours that is sent as JSON, but of a settled transfer", () => {
    const ops = new Set(
      [...FROM_CLIENTS, ...TO_CLIENTS].map(({ hex }) => new DataView(fromHex(hex).buffer).getInt32(8)),
    );
    const missing = Object.values(REALTIME_OPS).filter((op) => !ops.has(op));
    expect(missing).toEqual([REALTIME_OPS.transferSettled]);
  });

  it("may be longer than one from a client", () => {
    const body = new Uint8Array(100 * GOIM_BODY_LENGTH_MAX).fill(7);
    const decoder = new GoimDecoder({ maxBodyLength: body.length });
    decoder.write(packet(GOIM_OPS.raw, 0, body));
    expect(decoder.next()).toEqual({ ver: 1, op: GOIM_OPS.raw, seq: 0, body });
  });

  it("answers a heartbeat with no more online than the number can be", () => {
    const reply = heartbeatReply({ ver: -1, op: 2, seq: -5, body: latin1("") }, 2 ** 40);
    expect(reply).toEqual(fromHex("00000014 0010 ffff 00000003 fffffffb 7fffffff"));
  });
});
