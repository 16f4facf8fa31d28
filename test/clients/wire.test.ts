import { describe, expect, it } from "vitest";
import { decodePackets, encodePacket } from "../../clients/typescript/packets.ts";
import type * as wire from "../../clients/typescript/wire.ts";
import {
  BEGINNING,
  BODY_BYTES_MAX,
  OPS,
  PING,
  PONG,
  PUSH_OP_MIN,
  REPORTS_PER_PACKET_MAX,
} from "../../clients/typescript/wire.ts";
import type { Change, ChangePage, Entry, Report, ReportReceipt } from "../../src/contracts/history.ts";
import { REPORTS_PER_CALL_MAX } from "../../src/contracts/history.ts";
import { pushOpSchema } from "../../src/contracts/realtime-rpc.ts";
import {
  authSchema,
  REALTIME_OPS,
  type ChangedBody,
  type DeviceCommand,
  type DevicesBody,
  type RoomPlaceBody,
  type TransferSettledBody,
} from "../../src/contracts/realtime.ts";
import { GoimDecoder } from "../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../src/protocol/goim-encoder.ts";
import { GOIM_BODY_LENGTH_MAX, GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import * as packets from "../../src/realtime/biz/packets.ts";
import { historyOver } from "../history/support/history-over.ts";
import { beat } from "../history/support/shard-over.ts";

/*
 * A client has its own words for what goes over the wire, since others import it without the
 * server. They must be the server's.
 */

/** Fails to compile where a body that the server sends isn't one that the client knows. */
type Reads<Sent extends Known, Known> = [Sent, Known];
export type Bodies = [
  Reads<ChangedBody, wire.ChangedBody>,
  Reads<ChangePage, wire.ChangedBody>,
  Reads<Change, wire.Change>,
  Reads<Entry, wire.Entry>,
  Reads<ReportReceipt, wire.ReceiptBody>,
  Reads<RoomPlaceBody, wire.RoomPlaceBody>,
  Reads<TransferSettledBody, wire.TransferSettled>,
  Reads<DevicesBody["devices"][number], wire.Device>,
];
/** The same for what the client sends; the server's schema gives `event` its default. */
export type Sent = [
  Reads<wire.DeviceCommand, DeviceCommand>,
  Reads<wire.Report & { readonly event: wire.PlaybackEvent }, Report>,
];

describe("the TypeScript client", () => {
  it("knows the server's ops and limits", () => {
    const { auth, authReply, raw, changeRoom, changeRoomReply } = GOIM_OPS;
    const { subscribe, subscribeReply, unsubscribe, unsubscribeReply } = GOIM_OPS;
    expect(OPS).toEqual({
      auth,
      authReply,
      raw,
      changeRoom,
      changeRoomReply,
      subscribe,
      subscribeReply,
      unsubscribe,
      unsubscribeReply,
      ...REALTIME_OPS,
    });
    expect(BODY_BYTES_MAX).toBe(GOIM_BODY_LENGTH_MAX);
    expect(REPORTS_PER_PACKET_MAX).toBe(REPORTS_PER_CALL_MAX);
    expect(pushOpSchema.minValue).toBe(PUSH_OP_MIN);
    expect([PING, PONG]).toEqual([packets.PING, packets.PONG]);
  });

  it("speaks goim's packets", () => {
    const body = Uint8Array.of(1, 2, 3);
    const encoded = encodePacket(2001, 7, body);
    expect(encoded).toEqual(new GoimEncoder().encode({ ver: 1, op: 2001, seq: 7, body }));
    const decoder = new GoimDecoder();
    decoder.write(encoded);
    expect(decoder.next()).toEqual({ ver: 1, op: 2001, seq: 7, body });
    const two = new Uint8Array([...encoded, ...encodePacket(-5, -6)]);
    expect(decodePackets(two)).toEqual([
      { op: 2001, seq: 7, body },
      { op: -5, seq: -6, body: new Uint8Array() },
    ]);
  });

  it.each([
    ["a part of a header", encodePacket(8, 1).subarray(0, 15)],
    ["a part of a body", encodePacket(8, 1, Uint8Array.of(1, 2)).subarray(0, 17)],
    [
      "a length below the header's",
      Uint8Array.from(encodePacket(8, 1), (byte, at) => (at === 3 ? 15 : byte)),
    ],
    ["another header length", Uint8Array.from(encodePacket(8, 1), (byte, at) => (at === 5 ? 17 : byte))],
    ["a negative length", Uint8Array.from(encodePacket(8, 1), (byte, at) => (at === 0 ? 0xff : byte))],
  ])("takes %s for no packet", (_, bytes) => {
    expect(decodePackets(bytes)).toBeNull();
  });

  it("begins at a place from which a shard tells everything", async () => {
    expect(authSchema.parse({ since: BEGINNING }).since).toBe(BEGINNING);
    const { start } = historyOver();
    const shard = start();
    await shard.report("ada", beat("film", 1_000));
    shard.setSettings("ada", { paused: true });
    const { changes, more } = await shard.changes("ada", { since: BEGINNING, limit: 100 });
    const all = await shard.changes("ada", { limit: 100 });
    expect(changes).toEqual(all.changes);
    expect(changes).toHaveLength(2);
    expect(more).toBe(false);
  });
});
