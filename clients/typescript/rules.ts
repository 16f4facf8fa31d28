import { afterClose, waitMs, type AfterClose } from "./after-close.ts";
import type { ClientAction, ClientEvent, ClientOptions, StopReason, Told } from "./client-events.ts";
import { HistoryCopy } from "./history-copy.ts";
import { decodeJson, decodePackets, encodeJson, encodePacket, type Packet } from "./packets.ts";
import { isSendable, ReportQueue, TOO_LONG } from "./report-queue.ts";
import { RoomFollower } from "./room-follower.ts";
import {
  BEGINNING,
  OPS,
  PING,
  PONG,
  PUSH_OP_MIN,
  type Change,
  type ChangedBody,
  type Device,
  type DeviceCommand,
  type ProblemBody,
  type Report,
  type RoomPlaceBody,
  type TransferSettled,
} from "./wire.ts";

/*
 * What always holds of a client, whenever its socket is cut:
 *
 * C1: A report is kept until it is acked, and sent again as it was, with the same time.
 * C2: Its place in the history is one up to which it has been told everything. What it reports
 *     itself it isn't told, so from its first report on a socket its place stays where it is until
 *     it comes back.
 * C3: What the server tells of its own accord is later than the winners in an ack that was under
 *     way meanwhile, and older than those that an ack has told, if it was watched before them.
 * C4: No message of a room is shown twice, and none is skipped without a word.
 */

/** Each state with the time at which something must have happened. */
type State =
  | { readonly name: "stopped" }
  | { readonly name: "waiting" | "connecting" | "signing in"; readonly untilMs: number }
  | {
      readonly name: "live";
      readonly sinceMs: number;
      readonly pingAtMs: number;
      readonly pongByMs: number;
      /** From when on it reports: when it has been told what it missed, or no later than this. */
      readonly reportsFromMs: number;
    };

const CONNECT_MS_MAX = 20_000;
const SIGN_IN_MS_MAX = 10_000;
const PING_MS = 30_000;
const PONG_MS_MAX = 10_000;
/** So long reports wait for what was missed, so that their place is after it. */
const CATCH_UP_MS_MAX = 3_000;
/** Commands at once, and how often there is one more: a socket may send twenty packets a second. */
const COMMANDS_AT_ONCE = 4;
const COMMAND_MS = 200;
/** A socket that was live for so long has been well: the next attempt is the first again. */
const WELL_MS = 10_000;
const NEVER_MS = Number.POSITIVE_INFINITY;

const NORMAL = 1000;
/** Ours: the server was silent, or what it said was no packet. */
const CUT = 4000;

/**
 * A client without its socket, its timers and its app: what happens goes in, what is to be done
 * comes out. Whoever runs it calls {@link step} with `time` at {@link wakeAtMs} at the latest.
 */
export class ClientRules {
  readonly copy = new HistoryCopy();
  readonly #options: ClientOptions;
  readonly #reports: ReportQueue;
  #state: State = { name: "stopped" };
  #actions: ClientAction[] = [];
  #since = BEGINNING;
  #hasReported = false;
  #room: RoomFollower | null = null;
  #accepts: readonly number[] = [OPS.transferSettled];
  /** What the socket has been told of the two. */
  #told: { room: string | null; accepts: readonly number[] } = { room: null, accepts: [] };
  #seq = 0;
  #commandsSent = 0;
  /** When all commands that were sent have had their time, in ms. */
  #commandsUntilMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #refusals = 0;
  /** What the clock said last, and by how much it has been set back so far. */
  #clockMs = Number.NEGATIVE_INFINITY;
  #setBackMs = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#reports = new ReportQueue(options.random);
  }

  get isLive(): boolean {
    return this.#state.name === "live";
  }

  /** The place in the history from which it would go on: all before it has been told. */
  get since(): string {
    return this.#since;
  }

  get room(): RoomFollower | null {
    return this.#room;
  }

  /** Reports that are not acked. */
  get unacked(): number {
    return this.#reports.size;
  }

  /** Commands that were sent so far: one that comes while there are too many isn't. */
  get commandsSent(): number {
    return this.#commandsSent;
  }

  /** When it wants to know the time next, in ms; infinite: never. */
  get wakeAtMs(): number {
    return this.#wakeAtMs - this.#setBackMs;
  }

  get #wakeAtMs(): number {
    const state = this.#state;
    if (state.name === "stopped") return NEVER_MS;
    if (state.name !== "live") return state.untilMs;
    return Math.min(state.pingAtMs, state.pongByMs, Math.max(this.#reports.dueMs, state.reportsFromMs));
  }

  /** @param clockMs - what the clock says that reports are dated by, wherever it is set to */
  step(event: ClientEvent, clockMs: number): readonly ClientAction[] {
    this.#setBackMs += Math.max(0, this.#clockMs - clockMs);
    this.#clockMs = clockMs;
    // Whoever waits by a clock that is set back a day would wait for a day.
    const nowMs = clockMs + this.#setBackMs;
    this.#happened(event, nowMs);
    if (this.#state.name === "live") this.#sendWhatIsNew(this.#state.reportsFromMs <= nowMs, nowMs);
    return this.#actions.splice(0);
  }

  #happened(event: ClientEvent, nowMs: number): void {
    switch (event.type) {
      case "start":
        if (this.#state.name === "stopped") this.#connect(nowMs);
        return;
      case "stop":
        return this.#stop("asked", NORMAL);
      case "opened":
        return this.#opened(nowMs);
      case "refused":
        return this.#refused(event.why, event.retryAfterMs ?? 0, nowMs);
      case "closed":
        return this.#lost(event.code, nowMs);
      case "bytes":
        return this.#arrived(event.bytes, nowMs);
      case "text":
        return this.#beaten(event.text);
      case "time":
        return this.#timePassed(nowMs);
      case "report":
        return this.#report(event.reports);
      case "room":
        if (this.#room?.room !== event.room)
          this.#room = event.room === null ? null : new RoomFollower(event.room);
        return;
      case "accept":
        this.#accepts = [...new Set([OPS.transferSettled, ...event.ops])];
        return;
      case "command":
        return this.#command(event.command, nowMs);
    }
  }

  /*
   * The connection
   */

  #connect(nowMs: number): void {
    this.#state = { name: "connecting", untilMs: nowMs + CONNECT_MS_MAX };
    this.#actions.push({ type: "connect" });
  }

  #opened(nowMs: number): void {
    if (this.#state.name !== "connecting") return;
    this.#state = { name: "signing in", untilMs: nowMs + SIGN_IN_MS_MAX };
    this.#hasReported = false;
    const { key, device } = this.#options;
    const room = this.#room;
    this.#told = { room: room?.room ?? null, accepts: this.#accepts };
    this.#send(
      OPS.auth,
      encodeJson({
        key,
        device,
        accepts: this.#accepts,
        since: this.#since,
        room_id: room?.room,
        room_since: room?.place ?? undefined,
      }),
    );
  }

  #signedIn(nowMs: number): void {
    if (this.#state.name !== "signing in") return;
    this.#state = {
      name: "live",
      sinceMs: nowMs,
      pingAtMs: nowMs + PING_MS,
      pongByMs: NEVER_MS,
      reportsFromMs: nowMs + CATCH_UP_MS_MAX,
    };
    this.#refusals = 0;
    this.#tell({ type: "live" });
  }

  #timePassed(nowMs: number): void {
    const state = this.#state;
    if (state.name === "stopped") return;
    if (state.name === "waiting") {
      if (nowMs >= state.untilMs) this.#connect(nowMs);
    } else if (state.name !== "live") {
      if (nowMs >= state.untilMs) this.#cut(nowMs);
    } else if (nowMs >= state.pongByMs || this.#reports.isLate(nowMs)) this.#cut(nowMs);
    else if (nowMs >= state.pingAtMs) {
      this.#actions.push({ type: "send", data: PING });
      this.#state = { ...state, pingAtMs: nowMs + PING_MS, pongByMs: nowMs + PONG_MS_MAX };
    }
  }

  #beaten(text: string): void {
    if (this.#state.name === "live" && text === PONG) this.#state = { ...this.#state, pongByMs: NEVER_MS };
  }

  /** Gives up on a socket that is of no use any more. */
  #cut(nowMs: number): void {
    this.#actions.push({ type: "close", code: CUT });
    this.#lost(CUT, nowMs);
  }

  #lost(code: number, nowMs: number): void {
    const state = this.#state;
    if (state.name === "stopped" || state.name === "waiting") return;
    if (state.name === "live" && nowMs - state.sinceMs >= WELL_MS) this.#failures = 0;
    const after = afterClose(code);
    if (after === "give up") return this.#stop("given up", null, code);
    if (after !== "sign in") return this.#waitFor(after, 0, nowMs);
    // Once it may have been a token that was too old; what signs in is asked for another.
    this.#refusals += 1;
    if (this.#refusals > 1) return this.#stop("unauthenticated", null, code);
    this.#waitFor("again", 0, nowMs);
  }

  #refused(why: "unauthenticated" | "unavailable", retryAfterMs: number, nowMs: number): void {
    if (this.#state.name !== "connecting") return;
    if (why === "unauthenticated") return this.#stop("unauthenticated", null);
    this.#waitFor("again", retryAfterMs, nowMs);
  }

  #waitFor(after: Exclude<AfterClose, "sign in" | "give up">, leastMs: number, nowMs: number): void {
    this.#reports.cut();
    const inMs = leastMs + Math.ceil(waitMs(after, this.#failures, this.#options.random));
    this.#failures += 1;
    this.#state = { name: "waiting", untilMs: nowMs + inMs };
  }

  #stop(why: StopReason, closeWith: number | null, code?: number): void {
    if (this.#state.name === "stopped") return;
    const isOpen = this.#state.name !== "waiting";
    this.#state = { name: "stopped" };
    this.#reports.cut();
    this.#refusals = 0;
    this.#failures = 0;
    if (closeWith !== null && isOpen) this.#actions.push({ type: "close", code: closeWith });
    this.#tell({ type: "stopped", why, ...(code !== undefined && { code }) });
  }

  /*
   * What arrives
   */

  #arrived(bytes: Uint8Array, nowMs: number): void {
    const packets = decodePackets(bytes);
    if (packets === null) return this.#cut(nowMs);
    for (const packet of packets) {
      const { name } = this.#state;
      if (name !== "live" && name !== "signing in") return;
      const isRight =
        packet.op === OPS.raw ? this.#unwrapped(packet.body, nowMs) : this.#packet(packet, nowMs);
      if (!isRight) return this.#cut(nowMs);
    }
  }

  #unwrapped(body: Uint8Array, nowMs: number): boolean {
    return decodePackets(body)?.every((packet) => this.#packet(packet, nowMs)) ?? false;
  }

  /** False where its body isn't what its op says. */
  #packet({ op, seq, body }: Packet, nowMs: number): boolean {
    switch (op) {
      case OPS.authReply:
        this.#signedIn(nowMs);
        return true;
      case OPS.report:
        this.#acked(seq, body, nowMs);
        return true;
      case OPS.changed:
      case OPS.resync:
        return read<ChangedBody>(body, (changed) => this.#changed(changed, op === OPS.resync));
      case OPS.devices:
        return read<{ devices: readonly Device[] }>(body, ({ devices }) =>
          this.#tell({ type: "devices", devices }),
        );
      case OPS.command:
        // What answers one of ours: that it was handed on, or why it wasn't.
        if (seq !== 0) return true;
        return read<DeviceCommand>(body, (command) => this.#tell({ type: "command", command }));
      case OPS.transferSettled:
        return read<TransferSettled>(body, (transfer) => this.#tell({ type: "settled", transfer }));
      case OPS.roomPlace:
        return read<RoomPlaceBody>(body, (place) => {
          if (this.#room?.placed(place) === false) this.#tell({ type: "room missed" });
        });
      default:
        if (op >= PUSH_OP_MIN) this.#pushed(op, seq, body);
        return true;
    }
  }

  #changed({ changes, cursor, more }: ChangedBody, isAnew: boolean): void {
    if (isAnew) this.copy.forget();
    const news = changes.filter((change) => this.#reports.told(change) || isAnew);
    for (const change of news) this.copy.apply(change);
    if (!this.#hasReported) this.#since = cursor;
    if (this.#state.name === "live" && more !== true) this.#state = { ...this.#state, reportsFromMs: 0 };
    if (isAnew || news.length > 0) this.#tell({ type: "changed", changes: news, isAnew });
  }

  #acked(seq: number, body: Uint8Array, nowMs: number): void {
    const acked = this.#reports.acked(seq, body, nowMs);
    if (acked === null || acked.outcome === "again") return;
    const { reports } = acked;
    if (acked.outcome === "refused") return this.#notReported(reports, acked.problem);
    const { receipt, winners } = acked;
    const rejected = new Set(receipt.rejected?.map(({ index }) => index));
    this.#tell({ type: "reported", reports: reports.filter((_, index) => !rejected.has(index)), receipt });
    const bad = reports.filter((_, index) => rejected.has(index));
    if (bad.length > 0)
      this.#tell({ type: "not reported", reports: bad, problem: { code: "INVALID", status: 422 } });
    // A shard that has just begun anew may have judged by less than this device was told.
    const changes = winners
      .filter((entry) => (this.copy.find(entry)?.watchedAt ?? 0) <= entry.watchedAt)
      .map((entry): Change => ({ entry }));
    for (const change of changes) this.copy.apply(change);
    if (changes.length > 0) this.#tell({ type: "changed", changes, isAnew: false });
    if (receipt.nextReportMs !== undefined) this.#tell({ type: "pace", nextReportMs: receipt.nextReportMs });
  }

  #pushed(op: number, seq: number, body: Uint8Array): void {
    if (seq <= 0) return this.#tell({ type: "pushed", op, body });
    const taken = this.#room?.take(seq) ?? "not ours";
    if (taken === "not ours") return;
    if (taken === "after a gap") this.#tell({ type: "room missed" });
    this.#tell({ type: "room message", op, body });
  }

  /*
   * What is sent
   */

  #sendWhatIsNew(mayReport: boolean, nowMs: number): void {
    const room = this.#room?.room ?? null;
    if (room !== this.#told.room) this.#send(OPS.changeRoom, TEXT.encode(room ?? ""));
    const [before, now] = [this.#told.accepts, this.#accepts];
    const added = now.filter((op) => !before.includes(op));
    const gone = before.filter((op) => !now.includes(op));
    if (added.length > 0) this.#send(OPS.subscribe, TEXT.encode(added.join(",")));
    if (gone.length > 0) this.#send(OPS.unsubscribe, TEXT.encode(gone.join(",")));
    this.#told = { room, accepts: now };
    const reports = mayReport ? this.#reports.next(this.#seq + 1, nowMs, this.#clockMs) : null;
    if (reports === null) return;
    this.#hasReported = true;
    this.#send(OPS.report, reports);
  }

  #command(command: DeviceCommand, nowMs: number): void {
    const untilMs = Math.max(this.#commandsUntilMs, nowMs) + COMMAND_MS;
    if (this.#state.name !== "live" || untilMs - nowMs > COMMANDS_AT_ONCE * COMMAND_MS) return;
    this.#commandsUntilMs = untilMs;
    this.#commandsSent += 1;
    this.#send(OPS.command, encodeJson(command));
  }

  #send(op: number, body: Uint8Array): void {
    this.#seq += 1;
    this.#actions.push({ type: "send", data: encodePacket(op, this.#seq, body) });
  }

  #report(reports: readonly Report[]): void {
    const beyond = this.#reports.add(reports.filter(isSendable));
    this.#notReported(beyond, null);
    this.#notReported(
      reports.filter((report) => !isSendable(report)),
      TOO_LONG,
    );
  }

  #notReported(reports: readonly Report[], problem: ProblemBody | null): void {
    if (reports.length > 0) this.#tell({ type: "not reported", reports, problem });
  }

  #tell(told: Told): void {
    this.#actions.push({ type: "tell", told });
  }
}

const TEXT = new TextEncoder();

function read<T extends object>(body: Uint8Array, take: (value: T) => void): boolean {
  const value = decodeJson(body);
  if (typeof value !== "object" || value === null) return false;
  take(value as T);
  return true;
}
