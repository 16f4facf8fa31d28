import { nameOf } from "./history-copy.ts";
import { decodeJson, encodeJson } from "./packets.ts";
import {
  BODY_BYTES_MAX,
  REPORTS_PER_PACKET_MAX,
  type Change,
  type Entry,
  type ProblemBody,
  type ReceiptBody,
  type Report,
} from "./wire.ts";

/** Reports that are kept; beyond that the oldest that have not been sent go. */
export const REPORTS_KEPT_MAX = 1_000;
/** Between two packets, in ms: a socket may send twenty messages a second. */
const SPACING_MS = 100;
const ACK_MS_MAX = 20_000;
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;
const DOUBLINGS_MAX = 5;
/** What is around the reports in a packet's body. */
const AROUND_BYTES = encodeJson({ reports: [], sentAt: Number.MAX_SAFE_INTEGER }).length;
/** Of a report that no packet holds: to send it would end the socket. */
export const TOO_LONG: ProblemBody = { code: "TOO_LARGE", status: 413 };
/** Another attempt would end the same. */
const FOR_GOOD: ReadonlySet<string> = new Set(["MALFORMED", "INVALID", "TOO_LARGE"]);

const ALL_TAKEN: ReceiptBody = { accepted: 0, ignored: 0 };

interface InFlight {
  readonly seq: number;
  readonly reports: readonly Report[];
  readonly ackByMs: number;
  /** Items of which we have been told since. */
  readonly told: Set<string>;
  isAllTold: boolean;
}

/** What an ack has come to. */
export type Acked =
  | {
      readonly outcome: "taken";
      readonly reports: readonly Report[];
      readonly receipt: ReceiptBody;
      /** Entries that won over ours, but for those of which we know more by now. */
      readonly winners: readonly Entry[];
    }
  | { readonly outcome: "refused"; readonly reports: readonly Report[]; readonly problem: ProblemBody }
  | { readonly outcome: "again" };

/**
 * Reports on their way: each is kept until it is acked, and sent again as it was where nobody knows
 * whether it has come. One packet at a time, so that they come in order.
 */
export class ReportQueue {
  readonly #random: () => number;
  #waiting: Report[] = [];
  #inFlight: InFlight | null = null;
  /** Items of entries that won over ours, and when those were watched: no more than items. */
  readonly #wonAtMs = new Map<string, number>();
  #notBeforeMs = 0;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** All that are not acked. */
  get size(): number {
    return this.#waiting.length + (this.#inFlight?.reports.length ?? 0);
  }

  /** Answers those that had to go. */
  add(reports: readonly Report[]): readonly Report[] {
    this.#waiting.push(...reports);
    const beyond = Math.min(this.size - REPORTS_KEPT_MAX, this.#waiting.length);
    return beyond > 0 ? this.#waiting.splice(0, beyond) : [];
  }

  /** When something is to be done: to send, or to give up on an ack. */
  get dueMs(): number {
    if (this.#inFlight !== null) return this.#inFlight.ackByMs;
    return this.#waiting.length > 0 ? this.#notBeforeMs : Number.POSITIVE_INFINITY;
  }

  isLate(nowMs: number): boolean {
    return this.#inFlight !== null && nowMs >= this.#inFlight.ackByMs;
  }

  /**
   * The body of the next packet; null where none is to be sent now.
   *
   * @param clockMs - what the clock says that reports are dated by
   */
  next(seq: number, nowMs: number, clockMs: number): Uint8Array | null {
    if (this.#inFlight !== null || this.#waiting.length === 0 || nowMs < this.#notBeforeMs) return null;
    const reports = this.#waiting.splice(0, fitting(this.#waiting));
    this.#inFlight = { seq, reports, ackByMs: nowMs + ACK_MS_MAX, told: new Set(), isAllTold: false };
    this.#notBeforeMs = nowMs + SPACING_MS;
    return encodeJson({ reports, sentAt: Math.floor(clockMs) });
  }

  /**
   * The server tells us this of its own accord: it is later than what it was asked before. False
   * where an ack was quicker, and has told already what won over this.
   */
  told(change: Change): boolean {
    if ("entry" in change) return this.#toldOf(nameOf(change.entry), change.entry.watchedAt);
    if ("removed" in change) return this.#toldOf(nameOf(change.removed), change.removed.at);
    if ("settings" in change) return true;
    const { before } = "cleared" in change ? change.cleared : change.trimmed;
    for (const [name, wonAtMs] of this.#wonAtMs) if (wonAtMs < before) this.#wonAtMs.delete(name);
    if (this.#inFlight !== null) this.#inFlight.isAllTold = true;
    return true;
  }

  #toldOf(name: string, atMs: number): boolean {
    if (atMs < (this.#wonAtMs.get(name) ?? Number.NEGATIVE_INFINITY)) return false;
    this.#wonAtMs.delete(name);
    this.#inFlight?.told.add(name);
    return true;
  }

  /** Null where it is the ack of nothing that is on its way. */
  acked(seq: number, body: Uint8Array, nowMs: number): Acked | null {
    const inFlight = this.#inFlight;
    if (inFlight?.seq !== seq) return null;
    const answer = body.length === 0 ? ALL_TAKEN : decodeJson(body);
    this.#inFlight = null;
    const { reports, told, isAllTold } = inFlight;
    if (isReceipt(answer)) {
      this.#failures = 0;
      const winners = isAllTold ? [] : (answer.superseded ?? []).filter((entry) => !told.has(nameOf(entry)));
      for (const entry of winners) this.#wonAtMs.set(nameOf(entry), entry.watchedAt);
      return { outcome: "taken", reports, receipt: answer, winners };
    }
    if (isProblem(answer) && FOR_GOOD.has(answer.code))
      return { outcome: "refused", reports, problem: answer };
    this.#waiting.unshift(...reports);
    const retryAfterMs = isProblem(answer) ? (answer.retryAfterMs ?? 0) : 0;
    const doubled = Math.min(RETRY_MS * 2 ** Math.min(this.#failures, DOUBLINGS_MAX), RETRY_MS_MAX);
    this.#failures += 1;
    this.#notBeforeMs = nowMs + retryAfterMs + Math.ceil(this.#random() * doubled);
    return { outcome: "again" };
  }

  /** The socket is gone: what is not acked is sent again on the next. */
  cut(): void {
    if (this.#inFlight !== null) this.#waiting.unshift(...this.#inFlight.reports);
    this.#inFlight = null;
    this.#wonAtMs.clear();
  }
}

/** Whether a packet holds it. */
export function isSendable(report: Report): boolean {
  return AROUND_BYTES + bytesOf(report) <= BODY_BYTES_MAX;
}

function bytesOf(report: Report): number {
  return encodeJson(report).length + 1;
}

/** How many of these, from the first on, one packet holds: one at least. */
function fitting(reports: readonly Report[]): number {
  let bytes = AROUND_BYTES;
  let count = 0;
  for (const report of reports) {
    bytes += bytesOf(report);
    if (count > 0 && (bytes > BODY_BYTES_MAX || count === REPORTS_PER_PACKET_MAX)) break;
    count += 1;
  }
  return count;
}

function isReceipt(answer: unknown): answer is ReceiptBody {
  return typeof answer === "object" && answer !== null && "accepted" in answer;
}

function isProblem(answer: unknown): answer is ProblemBody {
  return typeof answer === "object" && answer !== null && "code" in answer;
}
