import { describe, expect, it } from "vitest";
import type { ClientAction, ClientEvent, Told } from "../../clients/typescript/client-events.ts";
import { decodeJson, decodePackets, encodeJson, encodePacket } from "../../clients/typescript/packets.ts";
import { REPORTS_KEPT_MAX } from "../../clients/typescript/report-queue.ts";
import { ClientRules } from "../../clients/typescript/rules.ts";
import { BODY_BYTES_MAX, OPS, type Entry, type Report } from "../../clients/typescript/wire.ts";
import { mulberry32 } from "../../testbed/mulberry32.ts";

const START_MS = 1_800_000_000_000;
const SEEDS = 200;

/** A client whose socket and time are the test's. */
class Device {
  readonly rules: ClientRules;
  readonly told: Told[] = [];
  readonly sent: { readonly op: number; readonly seq: number; readonly body: unknown }[] = [];
  readonly other: ClientAction[] = [];
  nowMs = START_MS;

  constructor(random: () => number = () => 0.5) {
    this.rules = new ClientRules({ key: "k", device: { id: "phone" }, random });
  }

  do(event: ClientEvent): this {
    for (const action of this.rules.step(event, this.nowMs)) {
      if (action.type === "tell") this.told.push(action.told);
      else if (action.type !== "send" || action.data === "ping") this.other.push(action);
      else
        for (const { op, seq, body } of decodePackets(action.data) ?? [])
          this.sent.push({ op, seq, body: decodeJson(body) ?? new TextDecoder().decode(body) });
    }
    return this;
  }

  hears(op: number, body: unknown = "", seq = 0): this {
    const bytes = body === "" ? new Uint8Array() : encodeJson(body);
    return this.do({ type: "bytes", bytes: encodePacket(op, seq, bytes) });
  }

  /** On to when it wants to know the time, or a little later. */
  wake(lateMs = 0): this {
    this.nowMs = this.rules.wakeAtMs + lateMs;
    return this.do({ type: "time" });
  }

  /** Signed in, and told that it has missed nothing. */
  live(): this {
    return this.do({ type: "start" }).#signedIn();
  }

  #signedIn(): this {
    this.do({ type: "opened" }).hears(OPS.authReply);
    return this.hears(OPS.changed, { changes: [], cursor: this.rules.since });
  }

  /** Cut, and live again as soon as it may be. */
  resumed(code = 1006): this {
    return this.do({ type: "closed", code }).wake().#signedIn();
  }

  /** Forgets what has been told and sent so far, and answers it. */
  take() {
    return { told: this.told.splice(0), sent: this.sent.splice(0), other: this.other.splice(0) };
  }
}

const entry = (itemId: string, watchedAt: number, positionMs = 1_000): Entry => ({
  kind: "video",
  itemId,
  positionMs,
  event: "playing",
  watchedAt,
  watched: false,
});
const report = (itemId: string, at = START_MS): Report => ({ kind: "video", itemId, positionMs: 5, at });
const changed = (cursor: string, ...changes: unknown[]) => ({ changes, cursor });
const itemsOf = ({ rules }: Device) => rules.copy.list().map(({ itemId }) => itemId);

describe("a client that signs in", () => {
  it("says who it is, what it has and where it was, in its first packet", () => {
    const device = new Device();
    device.do({ type: "room", room: "live://1" }).do({ type: "accept", ops: [3_000] });
    expect(device.do({ type: "start" }).take().other).toEqual([{ type: "connect" }]);
    expect(device.do({ type: "opened" }).take().sent).toEqual([
      {
        op: OPS.auth,
        seq: 1,
        body: {
          key: "k",
          device: { id: "phone" },
          accepts: [OPS.transferSettled, 3_000],
          since: "0",
          room_id: "live://1",
        },
      },
    ]);
    expect(device.hears(OPS.authReply).take().told).toEqual([{ type: "live" }]);
    device.hears(OPS.changed, changed("a", { entry: entry("film", 1) }));
    device.hears(OPS.roomPlace, { room: "live://1", epoch: "e", offset: 4 });
    device.resumed();
    expect(device.sent.at(-1)?.body).toMatchObject({ since: "a", room_since: { epoch: "e", offset: 4 } });
  });

  it("makes good for what has changed while it signed in", () => {
    const device = new Device().do({ type: "room", room: "live://1" });
    device.do({ type: "start" }).do({ type: "opened" });
    device.do({ type: "room", room: "live://2" }).do({ type: "accept", ops: [7_000] });
    device.take();
    expect(device.hears(OPS.authReply).take().sent).toEqual([
      { op: OPS.changeRoom, seq: 2, body: "live://2" },
      { op: OPS.subscribe, seq: 3, body: 7_000 },
    ]);
    device.do({ type: "accept", ops: [] }).do({ type: "room", room: null });
    expect(device.take().sent.map(({ op, body }) => ({ op, body }))).toEqual([
      { op: OPS.unsubscribe, body: 7_000 },
      { op: OPS.changeRoom, body: "" },
    ]);
  });

  it.each([
    ["opened", (device: Device) => device.do({ type: "start" })],
    ["answered", (device: Device) => device.do({ type: "start" }).do({ type: "opened" })],
  ])("gives up on a socket that is not %s, and tries another", (_, begin) => {
    const device = begin(new Device());
    device.take();
    expect(device.wake().take().other).toEqual([{ type: "close", code: 4000 }]);
    expect(device.wake().take().other).toEqual([{ type: "connect" }]);
  });
});

describe("a client whose clock is set back", () => {
  const DAY_MS = 86_400_000;

  it("comes back as soon as if it wasn't", () => {
    const device = new Device().live().do({ type: "closed", code: 1006 });
    const inMs = device.rules.wakeAtMs - device.nowMs;
    device.nowMs -= DAY_MS;
    device.do({ type: "time" });
    expect(device.rules.wakeAtMs - device.nowMs).toBe(inMs);
    expect(device.wake().other.at(-1)).toEqual({ type: "connect" });
  });

  it("pings, reports and waits for acks as if it wasn't, and says what its clock says", () => {
    const device = new Device().live();
    device.nowMs -= DAY_MS;
    device.take();
    device.do({ type: "report", reports: [report("film", device.nowMs)] });
    expect(device.take().sent).toMatchObject([{ op: OPS.report, body: { sentAt: device.nowMs } }]);
    device.nowMs -= DAY_MS;
    device.do({ type: "time" });
    expect(device.rules.wakeAtMs - device.nowMs).toBeLessThanOrEqual(20_000);
    device.wake();
    expect(device.other).toContainEqual({ type: "close", code: 4000 });
  });
});

describe("a client that was cut", () => {
  it("comes back at once in the mean, then ever more seldom, up to half a minute", () => {
    const device = new Device(() => 0.999);
    device.do({ type: "start" });
    const waits = Array.from({ length: 8 }, () => {
      device.do({ type: "closed", code: 1006 });
      const waitMs = device.rules.wakeAtMs - device.nowMs;
      device.wake();
      return Math.round(waitMs / 1_000);
    });
    expect(waits).toEqual([2, 4, 8, 16, 30, 30, 30, 30]);
    device.do({ type: "opened" }).hears(OPS.authReply);
    device.nowMs += 10_000;
    device.do({ type: "closed", code: 1006 });
    expect(device.rules.wakeAtMs - device.nowMs).toBeLessThanOrEqual(2_000);
  });

  it("is not taken for well because it was live for a moment", () => {
    const device = new Device(() => 0.999).live();
    for (let times = 0; times < 6; times += 1) device.resumed();
    device.do({ type: "closed", code: 1006 });
    expect(device.rules.wakeAtMs - device.nowMs).toBeGreaterThan(29_000);
  });

  it("spreads over half a minute where all are cut at once", () => {
    const random = mulberry32(3);
    const waits = Array.from({ length: 2_000 }, () => {
      const device = new Device(random).live().do({ type: "closed", code: 1012 });
      return device.rules.wakeAtMs - device.nowMs;
    });
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    const perSecond = Array.from(
      { length: 30 },
      (_, s) => waits.filter((ms) => Math.floor(ms / 1_000) === s).length,
    );
    expect(Math.max(...perSecond)).toBeLessThan(110);
  });

  it("gives up where to come back would end the same, and says why", () => {
    for (const code of [1002, 1009, 4403, 4409, 4422]) {
      const device = new Device().live();
      device.take();
      expect(device.do({ type: "closed", code }).take()).toEqual({
        told: [{ type: "stopped", why: "given up", code }],
        sent: [],
        other: [],
      });
      expect(device.rules.wakeAtMs).toBe(Infinity);
    }
  });

  it("comes back slowly where it was too many or too much", () => {
    for (const code of [4429, 4430]) {
      const device = new Device(() => 0).live().do({ type: "closed", code });
      expect(device.rules.wakeAtMs - device.nowMs).toBe(30_000);
    }
  });

  it("signs in anew once, and asks the app when that was refused too", () => {
    const device = new Device().live().do({ type: "closed", code: 4401 }).wake();
    expect(device.take().other.at(-1)).toEqual({ type: "connect" });
    device.do({ type: "opened" }).do({ type: "closed", code: 4401 });
    expect(device.take().told).toContainEqual({ type: "stopped", why: "unauthenticated", code: 4401 });
    const other = new Device().do({ type: "start" }).do({ type: "refused", why: "unauthenticated" });
    expect(other.take().told).toEqual([{ type: "stopped", why: "unauthenticated" }]);
    expect(other.do({ type: "start" }).take().other).toEqual([{ type: "connect" }]);
  });

  it("comes no sooner than it is told to", () => {
    const device = new Device(() => 0).do({ type: "start" });
    device.do({ type: "refused", why: "unavailable", retryAfterMs: 7_000 });
    expect(device.rules.wakeAtMs - device.nowMs).toBe(7_000);
  });

  it("does nothing any more once it has been stopped, whatever still happens", () => {
    const device = new Device().live();
    device.take();
    expect(device.do({ type: "stop" }).take()).toEqual({
      told: [{ type: "stopped", why: "asked" }],
      sent: [],
      other: [{ type: "close", code: 1000 }],
    });
    device.do({ type: "closed", code: 1006 }).do({ type: "time" }).do({ type: "opened" });
    device
      .do({ type: "refused", why: "unavailable" })
      .do({ type: "text", text: "pong" })
      .do({ type: "stop" });
    expect(device.hears(OPS.changed, changed("b", { entry: entry("film", 1) })).take()).toEqual({
      told: [],
      sent: [],
      other: [],
    });
    expect(itemsOf(device)).toEqual([]);
  });
});

describe("a heartbeat", () => {
  it("is a text each half minute, and a socket that doesn't answer it is given up", () => {
    const device = new Device().live();
    device.take();
    for (let beats = 0; beats < 3; beats += 1) {
      expect(device.wake().take().other).toEqual([{ type: "send", data: "ping" }]);
      device.nowMs += 500;
      device.do({ type: "text", text: "pong" });
    }
    expect(device.nowMs - START_MS).toBeLessThan(93_000);
    device.wake();
    device.take();
    expect(device.wake().take().other).toEqual([{ type: "close", code: 4000 }]);
    expect(device.rules.isLive).toBe(false);
  });
});

describe("a client's history", () => {
  it("is what it is told, in that order", () => {
    const device = new Device().live();
    device.hears(OPS.changed, changed("a", { entry: entry("one", 1) }, { entry: entry("two", 2) }));
    device.hears(OPS.changed, changed("b", { entry: entry("one", 3) }, { settings: { paused: true } }));
    expect(itemsOf(device)).toEqual(["one", "two"]);
    expect(device.rules.copy.isPaused).toBe(true);
    device.hears(OPS.changed, changed("c", { removed: { kind: "video", itemId: "one", at: 4 } }));
    expect(itemsOf(device)).toEqual(["two"]);
    device.hears(OPS.changed, changed("d", { entry: entry("three", 5) }, { trimmed: { before: 3 } }));
    expect(itemsOf(device)).toEqual(["three"]);
    device.hears(OPS.changed, changed("e", { cleared: { before: 6 } }));
    expect(itemsOf(device)).toEqual([]);
    expect(device.rules.since).toBe("e");
  });

  it("begins anew where it is told to", () => {
    const device = new Device().live();
    device.hears(OPS.changed, changed("a", { entry: entry("one", 1) }, { settings: { paused: true } }));
    device.take();
    device.hears(OPS.resync, { ...changed("b", { entry: entry("two", 2) }), more: true });
    device.hears(OPS.changed, changed("c", { entry: entry("three", 3) }));
    expect(itemsOf(device)).toEqual(["three", "two"]);
    expect(device.rules.copy.isPaused).toBe(false);
    expect(device.take().told).toMatchObject([
      { type: "changed", isAnew: true },
      { type: "changed", isAnew: false },
    ]);
  });

  it("goes on from before its own first report on a socket, since it isn't told of its own", () => {
    const device = new Device().live().hears(OPS.changed, changed("a"));
    device.do({ type: "report", reports: [report("mine")] });
    device.hears(OPS.changed, changed("c", { entry: entry("theirs", 3) }));
    expect(device.rules.since).toBe("a");
    device.hears(OPS.report, "", device.sent.at(-1)?.seq);
    device.resumed();
    expect(device.sent.at(-1)?.body).toMatchObject({ since: "a" });
    device.hears(OPS.changed, changed("d", { entry: entry("mine", 2) }, { entry: entry("theirs", 3) }));
    expect(device.rules.since).toBe("d");
    expect(itemsOf(device)).toEqual(["theirs", "mine"]);
  });
});

describe("reports", () => {
  it("are sent one packet after the other, and again as they were after a cut", () => {
    const device = new Device().do({ type: "report", reports: [report("a", 1_700_000_000_001)] });
    expect(device.take().sent).toEqual([]);
    device.live();
    const [first] = device.take().sent.slice(1);
    expect(first?.body).toEqual({ reports: [report("a", 1_700_000_000_001)], sentAt: START_MS });
    device.do({ type: "report", reports: [report("b")] });
    expect(device.take().sent).toEqual([]);
    device.resumed();
    const [, again] = device.take().sent;
    expect(again?.body).toEqual({
      reports: [report("a", 1_700_000_000_001), report("b")],
      sentAt: device.nowMs,
    });
    expect(device.rules.unacked).toBe(2);
    expect(device.hears(OPS.report, "", first?.seq).rules.unacked).toBe(2);
    device.hears(OPS.report, "", again?.seq);
    expect(device.rules.unacked).toBe(0);
    expect(device.take().told).toEqual([
      {
        type: "reported",
        reports: [report("a", 1_700_000_000_001), report("b")],
        receipt: { accepted: 0, ignored: 0 },
      },
    ]);
  });

  it("wait until what was missed has been told, but not for ever", () => {
    const told = new Device().do({ type: "start" }).do({ type: "report", reports: [report("a")] });
    told.do({ type: "opened" }).hears(OPS.authReply);
    told.hears(OPS.changed, { ...changed("a"), more: true });
    expect(told.sent.map(({ op }) => op)).toEqual([OPS.auth]);
    told.hears(OPS.changed, changed("b"));
    expect(told.sent.map(({ op }) => op)).toEqual([OPS.auth, OPS.report]);
    expect(told.rules.since).toBe("b");
    const untold = new Device().do({ type: "start" }).do({ type: "report", reports: [report("a")] });
    untold.do({ type: "opened" }).hears(OPS.authReply);
    expect(untold.wake().sent.map(({ op }) => op)).toEqual([OPS.auth, OPS.report]);
    expect(untold.nowMs - START_MS).toBe(3_000);
  });

  it("fit a packet, however many and however long, and flood nobody", () => {
    for (let seed = 1; seed <= SEEDS / 4; seed += 1) {
      const random = mulberry32(seed);
      const device = new Device(random).live();
      device.take();
      const reports = Array.from({ length: 300 }, (_, number) => ({
        ...report(`${"ü".repeat(Math.floor(random() * 64))}${number}`),
        deviceId: "d".repeat(Math.floor(random() * 64) + 1),
      }));
      device.do({ type: "report", reports });
      const seen: unknown[] = [];
      while (device.rules.unacked > 0) {
        const sent = device.take().sent.filter(({ op }) => op === OPS.report);
        expect(sent.length).toBeLessThanOrEqual(1);
        for (const { seq, body } of sent) {
          expect(encodeJson(body).length).toBeLessThanOrEqual(BODY_BYTES_MAX);
          seen.push(...(body as { reports: unknown[] }).reports);
          device.hears(OPS.report, "", seq);
        }
        device.nowMs += 50;
        device.do({ type: "time" });
      }
      expect(seen).toEqual(reports);
      // Ten packets a second at the most.
      expect(device.nowMs - START_MS).toBeGreaterThanOrEqual(100 * (reports.length / 100 - 1));
    }
  });

  it("that no packet holds end no socket, and keep back none of the others", () => {
    const device = new Device().live();
    device.take();
    const [first, long, last] = [report("a"), report("b".repeat(BODY_BYTES_MAX)), report("c")];
    const { told, sent } = device.do({ type: "report", reports: [first, long, last] }).take();
    const problem = { code: "TOO_LARGE", status: 413 };
    expect(told).toEqual([{ type: "not reported", reports: [long], problem }]);
    expect(sent.map(({ body }) => body)).toEqual([{ reports: [first, last], sentAt: START_MS }]);
  });

  it("are sent again later where the server can't take them, and never where it never will", () => {
    const device = new Device().live().do({ type: "report", reports: [report("a")] });
    const { seq } = device.sent.at(-1) ?? {};
    device.hears(OPS.report, { code: "OVERLOADED", status: 503, retryAfterMs: 3_000 }, seq);
    device.take();
    expect(device.rules.wakeAtMs - device.nowMs).toBe(3_500);
    const again = device.wake().take().sent.at(-1);
    expect(again?.body).toMatchObject({ reports: [report("a")] });
    const problem = { code: "INVALID", status: 422 };
    expect(device.hears(OPS.report, problem, again?.seq).take().told).toEqual([
      { type: "not reported", reports: [report("a")], problem },
    ]);
    expect(device.rules.unacked).toBe(0);
  });

  it("that are never acked end the socket", () => {
    const device = new Device().live().do({ type: "report", reports: [report("a")] });
    device.take();
    expect(device.wake().take().other).toEqual([{ type: "close", code: 4000 }]);
    expect(device.rules.unacked).toBe(1);
  });

  it("are told apart where some were rejected", () => {
    const device = new Device().live().do({ type: "report", reports: [report("a"), report("b")] });
    const { seq } = device.sent.at(-1) ?? {};
    device.take();
    const receipt = {
      accepted: 1,
      ignored: 0,
      rejected: [{ index: 0, path: "kind", message: "bad" }],
      nextReportMs: 30_000,
    };
    expect(device.hears(OPS.report, receipt, seq).take().told).toEqual([
      { type: "reported", reports: [report("b")], receipt },
      { type: "not reported", reports: [report("a")], problem: { code: "INVALID", status: 422 } },
      { type: "pace", nextReportMs: 30_000 },
    ]);
  });

  it("that lost bring the entries that won, unless more is known of those by now", () => {
    const superseded = [entry("a", 9), entry("b", 9)];
    const device = new Device().live().do({ type: "report", reports: [report("a"), report("b")] });
    device.hears(OPS.changed, changed("z", { removed: { kind: "video", itemId: "b", at: 10 } }));
    device.hears(OPS.report, { accepted: 2, ignored: 0, superseded }, device.sent.at(-1)?.seq);
    expect(itemsOf(device)).toEqual(["a"]);
    const other = new Device().live().do({ type: "report", reports: [report("a"), report("b")] });
    other.hears(OPS.changed, changed("z", { cleared: { before: 10 } }));
    other.hears(OPS.report, { accepted: 2, ignored: 0, superseded }, other.sent.at(-1)?.seq);
    expect(itemsOf(other)).toEqual([]);
  });

  it("that lost bring no entry that is older than what is known already", () => {
    const device = new Device().live();
    device.hears(OPS.changed, changed("y", { entry: entry("a", 9) })).take();
    device.do({ type: "report", reports: [report("a"), report("b")] });
    const superseded = [entry("a", 8, 2), entry("b", 8, 3)];
    device.hears(OPS.report, { accepted: 2, ignored: 0, superseded }, device.sent.at(-1)?.seq);
    expect(device.rules.copy.list()).toEqual([entry("a", 9), entry("b", 8, 3)]);
    expect(device.take().told.filter(({ type }) => type === "changed")).toMatchObject([
      { changes: [{ entry: entry("b", 8, 3) }] },
    ]);
  });

  it("that lost are not shown because the news of them are slower than the ack", () => {
    const device = new Device().live().do({ type: "report", reports: [report("a"), report("b")] });
    const superseded = [entry("a", 9), entry("b", 9)];
    device.hears(OPS.report, { accepted: 2, ignored: 0, superseded }, device.sent.at(-1)?.seq);
    device.take();
    device.hears(OPS.changed, changed("x", { entry: entry("a", 8) }));
    device.hears(OPS.changed, changed("x", { removed: { kind: "video", itemId: "b", at: 8 } }));
    expect(device.take().told).toEqual([]);
    device.hears(OPS.changed, changed("y", { entry: entry("a", 9, 2) }, { entry: entry("a", 8, 3) }));
    device.hears(OPS.changed, changed("z", { cleared: { before: 10 } }, { entry: entry("b", 8, 4) }));
    expect(device.rules.copy.list()).toEqual([entry("b", 8, 4)]);
    expect(device.take().told).toHaveLength(2);
  });

  it("are bounded while there is no socket: the oldest go, and the app is told", () => {
    const device = new Device();
    const reports = Array.from({ length: REPORTS_KEPT_MAX + 3 }, (_, number) => report(`film-${number}`));
    expect(device.do({ type: "report", reports }).take().told).toEqual([
      { type: "not reported", reports: reports.slice(0, 3), problem: null },
    ]);
    expect(device.rules.unacked).toBe(REPORTS_KEPT_MAX);
  });
});

describe("a room", () => {
  const push = (device: Device, offset: number) =>
    device.hears(OPS.raw).do({ type: "bytes", bytes: encodePacket(OPS.raw, 0, encodePacket(5_000, offset)) });
  const inRoom = (): Device => {
    const device = new Device().do({ type: "room", room: "live://1" }).live();
    device.hears(OPS.roomPlace, { room: "live://1", epoch: "e", offset: 4 });
    device.take();
    return device;
  };
  const shown = (device: Device) => device.take().told.map(({ type }) => type);

  it("is shown each message once, whether what was missed comes before its place or after it", () => {
    const device = inRoom();
    for (const offset of [5, 6, 6, 5]) push(device, offset);
    expect(shown(device)).toEqual(["room message", "room message"]);
    device.resumed();
    push(device, 7);
    device.hears(OPS.roomPlace, { room: "live://1", epoch: "e", offset: 8 });
    for (const offset of [7, 8]) push(device, offset);
    // A comet that has lost its memory, and is sent a message again.
    device.hears(OPS.roomPlace, { room: "live://1", epoch: "e", offset: 6 });
    for (const offset of [7, 8]) push(device, offset);
    expect(shown(device)).toEqual(["live", "room message", "room message"]);
    expect(device.rules.room?.place).toEqual({ epoch: "e", offset: 8 });
  });

  it.each([
    ["by the server", { epoch: "e", offset: 9, missed: true }],
    ["by another epoch", { epoch: "f", offset: 1 }],
  ])("is known to have gone on without it, %s", (_, place) => {
    const device = inRoom().resumed();
    device.take();
    expect(shown(device.hears(OPS.roomPlace, { room: "live://1", ...place }))).toEqual(["room missed"]);
    push(device, place.offset + 1);
    expect(shown(device)).toEqual(["room message"]);
  });

  it("says so where a message is missing between two", () => {
    const device = inRoom();
    push(device, 6);
    expect(shown(device)).toEqual(["room missed", "room message"]);
  });

  it("that was left is not heard of in the next one", () => {
    const device = inRoom().do({ type: "room", room: "live://2" });
    push(device, 5);
    device.hears(OPS.roomPlace, { room: "live://1", epoch: "e", offset: 5 });
    push(device, 6);
    device.hears(OPS.roomPlace, { room: "live://2", epoch: "g", offset: 5 });
    push(device, 6);
    expect(shown(device)).toEqual(["room message"]);
  });
});

describe("what else is told", () => {
  it("comes to the app as it is", () => {
    const device = new Device().live();
    device.take();
    const command = { to: "tv", command: "play" as const, positionMs: 3 };
    device.do({ type: "command", command });
    expect(device.take().sent).toEqual([{ op: OPS.command, seq: 2, body: command }]);
    device.hears(OPS.command, "", 2);
    device.hears(OPS.command, { code: "NOT_FOUND", status: 404 }, 3);
    device.hears(OPS.command, { ...command, from: "phone" });
    device.hears(OPS.devices, { devices: [{ id: "tv", since: 1 }] });
    device.hears(OPS.transferSettled, { transferId: "t" });
    device.hears(3_000, "hello");
    device.hears(OPS.changeRoomReply, "x");
    expect(device.take().told).toMatchObject([
      { type: "command", command: { from: "phone" } },
      { type: "devices", devices: [{ id: "tv" }] },
      { type: "settled", transfer: { transferId: "t" } },
      { type: "pushed", op: 3_000 },
    ]);
  });

  it.each([
    ["no packet", Uint8Array.of(1, 2, 3)],
    ["no JSON", encodePacket(OPS.changed, 0, Uint8Array.of(1))],
    ["an envelope of none", encodePacket(OPS.raw, 0, Uint8Array.of(1))],
  ])("ends the socket where it is %s", (_, bytes) => {
    const device = new Device().live();
    device.take();
    expect(device.do({ type: "bytes", bytes }).take().other).toEqual([{ type: "close", code: 4000 }]);
    expect(device.rules.isLive).toBe(false);
  });
});
