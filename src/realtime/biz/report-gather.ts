import { CodedError, isCode, wrap } from "../../contracts/errors.ts";
import type { DatedReport } from "../../contracts/history.ts";
import type { SocketReceipt, SocketReports } from "../../contracts/realtime-rpc.ts";
import type { CallOff, HistoryPort, Schedule } from "./ports.ts";

export interface ReportGatherDeps {
  readonly report: HistoryPort["report"];
  /** Whether the user listens with other sockets than this one, and when that is so. */
  readonly othersOf: (userId: string, socketId: string) => Pick<SocketReports, "others" | "version">;
  readonly schedule: Schedule;
}

/** The reports of one message, and whom to tell what came of them. */
interface Waiting {
  readonly userId: string;
  readonly socket: string;
  readonly reports: readonly DatedReport[];
  readonly resolve: (receipt: SocketReceipt) => void;
  readonly reject: (error: unknown) => void;
}

/** How long the first report waits for company, in ms, and how many make it go at once. */
export const GATHER_MS = 250;
export const REPORTS_PER_GATHER = 100;
/** Reports that may wait while the shard is slow; beyond it none is taken. */
export const REPORTS_WAITING_MAX = 2_000;
/** Of one user, with all of their sockets: whoever floods leaves places for the others. */
export const REPORTS_WAITING_PER_USER_MAX = 200;
const RETRY_AFTER_MS = 1_000;

/**
 * Hands the reports of many sockets to the history in one call, one call at a time. What waits is
 * bounded; a promise settles when the reports are durable, or it is known that they may not be.
 */
export class ReportGather {
  readonly #deps: ReportGatherDeps;
  #waiting: Waiting[] = [];
  #reports = 0;
  /** How many of them each user has; only of those who have any. */
  readonly #ofUsers = new Map<string, number>();
  #isCalling = false;
  #callOff: CallOff | null = null;
  /** Whether what waits has waited long enough. */
  #isDue = false;

  constructor(deps: ReportGatherDeps) {
    this.#deps = deps;
  }

  /** Throws `OVERLOADED` where too many wait. */
  submit(userId: string, socket: string, reports: readonly DatedReport[]): Promise<SocketReceipt> {
    const ofUser = (this.#ofUsers.get(userId) ?? 0) + reports.length;
    if (ofUser > REPORTS_WAITING_PER_USER_MAX || this.#reports + reports.length > REPORTS_WAITING_MAX)
      throw new CodedError("OVERLOADED", "Too many reports are waiting", { retryAfterMs: RETRY_AFTER_MS });
    const { promise, resolve, reject } = Promise.withResolvers<SocketReceipt>();
    this.#waiting.push({ userId, socket, reports, resolve, reject });
    this.#reports += reports.length;
    this.#ofUsers.set(userId, ofUser);
    if (!this.#isDue)
      this.#callOff ??= this.#deps.schedule(GATHER_MS, () => {
        this.#callOff = null;
        this.#isDue = true;
        this.#next();
      });
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#isCalling || this.#waiting.length === 0) return;
    if (this.#isDue || this.#reports >= REPORTS_PER_GATHER) void this.#call();
  }

  async #call(): Promise<void> {
    this.#callOff?.();
    this.#callOff = null;
    this.#isCalling = true;
    const some = this.#take();
    // What there was no place for has waited enough.
    this.#isDue = this.#waiting.length > 0;
    try {
      const receipts = await this.#deps.report(
        some.map(({ userId, socket, reports }) => ({
          userId,
          socket,
          reports,
          ...this.#deps.othersOf(userId, socket),
        })),
      );
      for (const [index, one] of some.entries()) {
        const receipt = receipts[index];
        if (receipt === undefined) one.reject(new Error("the history answers each socket"));
        else one.resolve(receipt);
      }
    } catch (cause) {
      // Each message was looked at before: clients would give up for good what another release
      // refuses.
      const isOurs = isCode(cause, "INVALID");
      const error = isOurs ? wrap(cause, "hand on reports", "INTERNAL") : cause;
      for (const one of some) one.reject(error);
    }
    this.#isCalling = false;
    this.#next();
  }

  /** As many as make a full call, the last of them whole. */
  #take(): readonly Waiting[] {
    let reports = 0;
    let count = 0;
    for (const one of this.#waiting) {
      if (count > 0 && reports + one.reports.length > REPORTS_PER_GATHER) break;
      reports += one.reports.length;
      count += 1;
    }
    this.#reports -= reports;
    const some = this.#waiting.splice(0, count);
    for (const one of some) this.#leave(one);
    return some;
  }

  #leave({ userId, reports }: Waiting): void {
    const left = (this.#ofUsers.get(userId) ?? 0) - reports.length;
    if (left > 0) this.#ofUsers.set(userId, left);
    else this.#ofUsers.delete(userId);
  }
}
