import {
  REALTIME_OPS,
  ROOM_CHANGES_PER_MINUTE_MAX,
  UNREAD_BYTES_MAX,
  type CloseReason,
} from "../../contracts/realtime.ts";
import type { GoimPacket } from "../../protocol/goim-packet.ts";
import type { Clock } from "../../resilience/clock.ts";
import { Intake } from "./intake.ts";
import { isFault } from "./packet-stream.ts";
import type { CallOff, CometSocket } from "./ports.ts";
import type { SocketState } from "./socket-state.ts";

/** The time stands still while an object works: the platform's may be that much later, in ms. */
const CLOCK_SLACK_MS = 10_000;
const OWN_OPS: ReadonlySet<number> = new Set(Object.values(REALTIME_OPS));

/**
 * One socket in the comet's memory: what comes from it is cut into packets and counted, and so is
 * what it is sent, since nobody can see whether it reads.
 */
export class Connection {
  readonly #socket: CometSocket;
  readonly #now: Clock;
  readonly #onClosed: (connection: Connection) => void;
  /** Made when it is needed: most sockets say nothing while the memory is there. */
  #intake: Intake | null = null;
  #state: SocketState;
  #accepts: ReadonlySet<number>;
  /** Bytes sent since its last sign of life, and when that was. */
  #unreadBytes = 0;
  #aliveAtMs: number;
  #isClosed = false;
  /** Of the timer by which something must have come; null where nothing is waited for. */
  #deadline: CallOff | null = null;

  constructor(
    socket: CometSocket,
    state: SocketState,
    now: Clock,
    onClosed: (connection: Connection) => void,
  ) {
    this.#socket = socket;
    this.#state = state;
    this.#accepts = new Set(state.accepts);
    this.#now = now;
    this.#onClosed = onClosed;
    this.#aliveAtMs = state.beatAtMs;
  }

  get state(): SocketState {
    return this.#state;
  }

  get id(): string {
    return this.#state.id;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether its user's history is told to it: ours alone know what that is. */
  get listens(): boolean {
    return this.#state.door === "own" && this.#state.user !== null && this.#state.isSignedIn;
  }

  /** When it was heard of last, by whatever kind of heartbeat, in ms. */
  get aliveAtMs(): number {
    return Math.max(this.#aliveAtMs, this.#state.beatAtMs, this.#socket.pingedAtMs() ?? 0);
  }

  /** The last heartbeat of either kind; other messages are none, as in goim. */
  get beatAtMs(): number {
    return Math.max(this.#state.beatAtMs, this.#socket.pingedAtMs() ?? 0);
  }

  /** Whether a packet has begun that isn't whole yet. */
  get isMidPacket(): boolean {
    return this.#intake?.isMidPacket === true;
  }

  /**
   * Whether a push with this op is for it. Our own ops need not be asked for, and goim's clients
   * have none.
   */
  takes(op: number): boolean {
    if (!this.#state.isSignedIn) return false;
    return OWN_OPS.has(op) ? this.#state.door === "own" : this.#accepts.has(op);
  }

  save(changed: Partial<SocketState>): void {
    this.#state = { ...this.#state, ...changed };
    if (changed.accepts !== undefined) this.#accepts = new Set(changed.accepts);
    this.#socket.save(this.#state);
  }

  /** Replaces the earlier deadline. */
  waitUntil(deadline: CallOff | null): void {
    this.#deadline?.();
    this.#deadline = deadline;
  }

  /** The packets in what has come; none where the socket had to be closed for it. */
  take(bytes: Uint8Array): readonly GoimPacket[] {
    this.#aliveAtMs = this.#now();
    this.#unreadBytes = 0;
    const result = this.#counted.take(bytes);
    if (!isFault(result)) return result;
    this.close(result.reason, result.detail);
    return [];
  }

  /** Counts a change of its room; closes it where there have been too many. */
  takeRoomChange(): void {
    if (!this.#counted.takeRoomChange())
      this.close("flooding", `more than ${ROOM_CHANGES_PER_MINUTE_MAX} changes of the room in a minute`);
  }

  get #counted(): Intake {
    return (this.#intake ??= new Intake(this.#now));
  }

  /** Closes it where a packet has been on its way for too long. */
  closeIfLate(): void {
    const lateness = this.#intake?.lateness() ?? null;
    if (lateness !== null) this.close(lateness.reason, lateness.detail);
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#unreadBytes + bytes.length > UNREAD_BYTES_MAX && !this.#hasPinged()) {
      this.close("stalled", `no sign of life within the last ${UNREAD_BYTES_MAX} bytes`);
      return;
    }
    this.#unreadBytes += bytes.length;
    this.#socket.send(bytes);
  }

  /**
   * Sends what has changed in its user's history, up to a revision. News may be overtaken by what
   * was asked for after them, and come once more: what isn't newer is known, and would show what
   * was.
   */
  tell(bytes: Uint8Array, rev: number): void {
    if (rev > this.#state.toldRev) this.tellAgain(bytes, rev);
  }

  /** The same for what was asked for: it may begin before what it has been told. */
  tellAgain(bytes: Uint8Array, rev: number): void {
    this.send(bytes);
    if (!this.#isClosed && rev > this.#state.toldRev) this.save({ toldRev: rev });
  }

  /** What the platform has answered by itself is a sign of life, too. */
  #hasPinged(): boolean {
    const pingedAtMs = this.#socket.pingedAtMs() ?? 0;
    // What lies ahead was said by a clock that has been set back since.
    const latestMs = this.#now() + CLOCK_SLACK_MS;
    const aliveAtMs = this.#aliveAtMs > latestMs ? 0 : this.#aliveAtMs;
    if (pingedAtMs <= aliveAtMs || pingedAtMs > latestMs) return false;
    this.#aliveAtMs = pingedAtMs;
    this.#unreadBytes = 0;
    return true;
  }

  close(reason: CloseReason, detail: string): void {
    if (this.#isClosed) return;
    this.#socket.close(reason, detail);
    this.end();
  }

  /** It is closed, by whichever side. */
  end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.waitUntil(null);
    this.#onClosed(this);
  }
}
