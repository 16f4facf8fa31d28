import type { Principal } from "../../contracts/call-context.ts";
import { codeOf, isCode, isRefusal, publicDetail } from "../../contracts/errors.ts";
import { AUTH_MS_MAX, authSchema, CLOSE_CODES, type SocketAuth } from "../../contracts/realtime.ts";
import type { Patience } from "../../platform/call/patience.ts";
import type { CallTimer } from "../../platform/guard/call-timer.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { GOIM_OPS, type GoimPacket } from "../../protocol/goim-packet.ts";
import type { Clock } from "../../resilience/clock.ts";
import { closeDetail } from "../biz/close-detail.ts";
import { FLOOD, pieceLimit } from "../biz/intake.ts";
import { invalidFault } from "../biz/invalid-fault.ts";
import { isFault, PacketStream, type PacketFault } from "../biz/packet-stream.ts";
import { joined, packet, PING, PONG } from "../biz/packets.ts";
import { readBody } from "../biz/read-body.ts";
import type { SocketOrigin } from "../biz/socket-origin.ts";
import { isSendable, STANDARD_CLOSE_CODES } from "./standard-close-codes.ts";

/** What the doors need where nobody is known before the first packet. */
export interface DoorDeps {
  /** Whether guests have a place. */
  readonly hasGuests: boolean;
  /** Whose access token it is. Throws `UNAUTHENTICATED`, or what kept it from being told. */
  readonly authenticate: (authorization: string, deadlineAtMs: number) => Promise<Principal>;
  /** The comet of a user, or of a guest by their key. Throws `UNAVAILABLE` where it isn't known. */
  readonly cometOf: (user: Principal | null, key: string | undefined) => Promise<string>;
  readonly openSocket: (comet: string, origin: SocketOrigin, patience: Patience) => Promise<Response>;
  readonly timer: CallTimer;
  readonly now: Clock;
  readonly logger: Logger;
}

/** The client's end of a connection, as its door has it. Once closed it takes nothing more. */
export interface ClientEnd {
  send(data: Uint8Array | string): void;
  close(code: number, detail: string): void;
}

/** From the first packet on: to find out who it is, and to reach the comet. */
const OPEN_MS_MAX = 5_000;
/** What may have come from the client before its comet is reached. */
const HELD_BYTES_MAX = 65_536;
const LOST = { reason: "restarting", detail: "the socket's place can't be reached now" } as const;
const { normal, goingAway, noCode } = STANDARD_CLOSE_CODES;

/**
 * One connection of a client of goim's, from its first byte to its end. The first packet says whose
 * it is; from then on all packets go to the comet of that user or key, and what the comet sends
 * goes to the client.
 *
 * 1. What comes is cut into packets here: of a malformed one nothing goes any further.
 * 2. At most 64 KiB are held until the comet is reached, and nothing of a connection that is over.
 * 3. However one end ends, the other one ends as well.
 */
export class DoorSession {
  readonly #deps: DoorDeps;
  readonly #client: ClientEnd;
  readonly #isTcp: boolean;
  readonly #stream: PacketStream;
  readonly #pieces = pieceLimit();
  readonly #first = Promise.withResolvers<GoimPacket | null>();
  #hasFirst = false;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #comet: WebSocket | null = null;
  #isOver = false;

  constructor(deps: DoorDeps, client: ClientEnd, { isTcp }: { readonly isTcp: boolean }) {
    this.#deps = deps;
    this.#client = client;
    this.#isTcp = isTcp;
    this.#stream = new PacketStream(deps.now);
  }

  /** Waits for the first packet and connects its sender. Ends when that is done, or in vain. */
  async open(): Promise<void> {
    const first = await this.#firstPacket();
    if (first === null) return;
    try {
      const fault = await this.#connect(first);
      if (fault !== null) this.fail(fault);
    } catch (error) {
      if (isCode(error, "UNAUTHENTICATED"))
        return this.fail({ reason: "unauthenticated", detail: publicDetail(error) });
      // Whoever refuses has told why, and there are thousands of such calls in a second then.
      if (!isRefusal(codeOf(error))) this.#deps.logger.error("socket not opened", failureFields(error));
      this.fail(LOST);
    }
  }

  /** Bytes have come from the client. */
  take(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (!this.#pieces.take(this.#deps.now(), 1).allowed) return this.fail(FLOOD);
    const packets = this.#stream.take(bytes);
    if (isFault(packets)) return this.fail(packets);
    const [first] = packets;
    if (first === undefined) return;
    if (!this.#hasFirst && first.op !== GOIM_OPS.auth)
      return this.fail({ reason: "malformed", detail: "the first packet must be op 7" });
    if (!this.#hasFirst) this.#first.resolve(first);
    this.#hasFirst = true;
    this.#pass(joined(packets.map(({ op, seq, body, ver }) => packet(op, seq, body, ver))));
  }

  /**
   * A text has come from the client: a heartbeat that the comet's platform answers, or the door
   * while that isn't reached yet.
   */
  takeText(text: string): void {
    if (this.#isOver) return;
    const isBeat = text === PING && this.#hasFirst;
    if (isBeat && this.#comet !== null) this.#comet.send(text);
    else if (isBeat) this.#client.send(PONG);
    else this.fail({ reason: "malformed", detail: "packets are bytes, not text" });
  }

  /** The client has closed its end, or is gone. */
  end(code: number, detail: string): void {
    if (this.#isOver) return;
    this.#finish();
    if (isSendable(code)) this.#comet?.close(code, detail);
    else this.#comet?.close(code === noCode ? normal : goingAway, detail);
  }

  /** Closes both ends. */
  fail({ reason, detail }: PacketFault): void {
    if (this.#isOver) return;
    this.#finish();
    const code = CLOSE_CODES[reason];
    this.#client.close(code, closeDetail(detail));
    this.#comet?.close(code, closeDetail(detail));
  }

  /** Null where the session was over before, or is now since none has come in time. */
  async #firstPacket(): Promise<GoimPacket | null> {
    try {
      return await this.#deps.timer.withTimeout(this.#first.promise, AUTH_MS_MAX);
    } catch {
      this.fail({ reason: "authTimeout", detail: `no op 7 came within ${AUTH_MS_MAX / 1_000} s` });
      return null;
    }
  }

  /** What keeps the sender of this packet out, or null. */
  async #connect({ body }: GoimPacket): Promise<PacketFault | null> {
    const auth = readAuth(body);
    if ("reason" in auth) return auth;
    const { authenticate, cometOf, openSocket, hasGuests, now } = this.#deps;
    const deadlineAtMs = now() + OPEN_MS_MAX;
    if (auth.token === undefined && !hasGuests)
      return { reason: "forbidden", detail: "guests have no place here: op 7 needs a token" };
    const user = auth.token === undefined ? null : await authenticate(`Bearer ${auth.token}`, deadlineAtMs);
    const comet = await cometOf(user, auth.key);
    const { webSocket } = await openSocket(
      comet,
      { door: "goim", isTcp: this.#isTcp, user },
      { deadlineAtMs },
    );
    if (webSocket === null) return LOST;
    this.#carry(webSocket);
    return null;
  }

  #carry(comet: WebSocket): void {
    comet.binaryType = "arraybuffer";
    comet.accept();
    if (this.#isOver) return comet.close(goingAway, "the client is gone");
    this.#comet = comet;
    comet.addEventListener("message", ({ data }) => {
      if (!this.#isOver) this.#client.send(typeof data === "string" ? data : new Uint8Array(data));
    });
    comet.addEventListener("close", ({ code, reason }) => this.#cometHasClosed(code, reason));
    comet.addEventListener("error", () => this.fail(LOST));
    if (this.#held.length > 0) comet.send(joined(this.#held));
    this.#held = [];
  }

  #pass(bytes: Uint8Array): void {
    if (this.#comet !== null) return this.#comet.send(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > HELD_BYTES_MAX)
      return this.fail({ reason: "flooding", detail: "too much came before the answer to op 7" });
    this.#held.push(bytes);
  }

  #cometHasClosed(code: number, detail: string): void {
    this.#comet = null;
    if (!isSendable(code)) return this.fail({ reason: "restarting", detail: "the object was replaced" });
    if (this.#isOver) return;
    this.#finish();
    this.#client.close(code, detail);
  }

  #finish(): void {
    this.#isOver = true;
    this.#held = [];
    this.#first.resolve(null);
  }
}

function readAuth(body: Uint8Array): SocketAuth | PacketFault {
  try {
    return readBody(authSchema, body);
  } catch (error) {
    return invalidFault(error);
  }
}
