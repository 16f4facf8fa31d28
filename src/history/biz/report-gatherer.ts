import {
  CodedError,
  codeOf,
  ERROR_CATALOGUE,
  releaseUnderWay,
  type ErrorCode,
} from "../../contracts/errors.ts";
import type { ReportReceipt } from "../../contracts/history.ts";
import type { SocketReceipt } from "../../contracts/realtime-rpc.ts";
import type { Clock } from "../../resilience/clock.ts";
import { callLimitMs, remainingMs } from "../../resilience/deadline.ts";
import type { Schedule } from "./group-commit.ts";
import { NOT_TO_BE_KEPT, type Incoming } from "./incoming.ts";
import { isAhead, isLate } from "./known-state.ts";
import type { ShardCall, ShardPatience } from "./ports.ts";
import { isElsewhere, isSameMapping, type Elsewhere, type ShardMapping } from "./shard-mapping.ts";
import { NO_TIME_AT_ALL } from "./shard-rpc.ts";

interface ReportGathererDeps {
  readonly callShard: ShardCall;
  readonly now: Clock;
  /** Runs something later, as part of the running request: never, where that is dropped before. */
  readonly schedule: Schedule;
  /** Keeps the running request from being dropped before `work` has settled. */
  readonly keep: (work: Promise<unknown>) => void;
}

type Answer = ReportReceipt | Elsewhere;

/** Somebody's reports, and who waits for what becomes of them. */
interface Waiting {
  readonly incoming: Incoming;
  readonly patience: ShardPatience;
  readonly atMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Tells one of a group what has become of theirs; `index` is their place in it. */
type Tell = (one: Waiting, index: number) => void;

/** What goes to a shard in one call. */
interface Group {
  readonly mapping: ShardMapping;
  /** When it leaves at the latest. */
  readonly dueMs: number;
  readonly waiting: Waiting[];
  /** Of all who wait. */
  reports: number;
  /** Settles when each of them has been answered; never rejects. */
  readonly answered: Promise<void>;
  readonly onAnswered: () => void;
}

/** A shard that something is on its way to. */
interface Busy {
  /** What waits for company; null where nothing does. */
  group: Group | null;
  /** The last group that has left. */
  sent: Group | null;
  /** That is taken to be under way until then: who has sent it may be gone. */
  sentUntilMs: number;
}

/** How long a report waits for others at most, in ms. */
export const GATHER_MS = 50;
/** Reports that a group has room for; it leaves when the next would be too many. */
const REPORTS_PER_GROUP_MAX = 1_000;
/** Who has less time left goes alone: others would wait less long for its sake, in ms. */
const PATIENCE_MS_MIN = 4 * GATHER_MS;
/** No call of a shard is under way for longer, in ms. */
const UNDER_WAY_MS_MAX = 1_000;
/** Nobody waits for longer, whatever patience their caller has, in ms. */
const OWN_WAIT_MS_MAX = 10_000;
/** What is so near to being late may be so when it arrives, in ms. */
const ON_THE_WAY_MS = 5_000;

const WHAT = "report to a shard";

/**
 * Calls a shard once for what many requests of an isolate report to it, after Nagle (RFC 896): what
 * comes while nothing is on its way there goes at once, and what comes while something is waits for
 * others, {@link GATHER_MS} at most. Whoever is alone waits for nobody, and of a crowd twenty need
 * one call. Who has little time, or what the shard may have to look up first, goes alone: nobody
 * waits less long, or longer, for another's sake.
 *
 * A call belongs to the request that makes it, and the runtime drops a request whose client has
 * gone. So the one that is to make it is kept; each of the others has a timer of its own, which is
 * also what tells the runtime that it hasn't hung; and a group that should have left long ago is
 * sent by whoever comes next. A promise goes on in the request that has made it, whoever settles
 * it.
 */
export class ReportGatherer {
  readonly #deps: ReportGathererDeps;
  readonly #busy = new Map<number, Busy>();

  constructor(deps: ReportGathererDeps) {
    this.#deps = deps;
  }

  /**
   * Reports to a shard that `mapping` leads to: dated, since a call that fails is made again.
   * Throws what its guard does, or what the shard says of these reports alone;
   * `DEADLINE_EXCEEDED` at the end of the patience.
   */
  report(shard: number, mapping: ShardMapping, incoming: Incoming, patience: ShardPatience): Promise<Answer> {
    const nowMs = this.#deps.now();
    const leftMs = patience.deadlineAtMs - nowMs;
    const busy = this.#busyOf(shard);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const one: Waiting = { incoming, patience, atMs: nowMs, resolve, reject };
    if (busy.group === null && !isUnderWay(busy, nowMs)) {
      void this.#send(shard, busy, newGroup(mapping, one, nowMs), nowMs);
      return promise;
    }
    if (leftMs < PATIENCE_MS_MIN || mayAskFirst(incoming, nowMs)) {
      if (busy.group !== null && isDue(busy.group, nowMs)) this.#sendFor(shard, busy, busy.group, nowMs);
      void this.#answer(shard, newGroup(mapping, one, nowMs), nowMs);
      return promise;
    }
    if (busy.group !== null && !mayJoin(busy.group, mapping, incoming))
      this.#sendFor(shard, busy, busy.group, nowMs);
    if (busy.group === null) this.#lead(shard, busy, (busy.group = newGroup(mapping, one, nowMs)));
    else join(busy.group, one);
    if (isDue(busy.group, nowMs)) this.#sendFor(shard, busy, busy.group, nowMs);
    // Before whoever has called gives up, and would take this worker for ill. Never called off: it
    // ends with its request, and to clear it would cost each of them.
    const limitMs = callLimitMs({ remainingMs: leftMs, timeoutMs: OWN_WAIT_MS_MAX });
    this.#deps.schedule(limitMs, () => reject(late()));
    return promise;
  }

  #busyOf(shard: number): Busy {
    const known = this.#busy.get(shard);
    if (known !== undefined) return known;
    const busy: Busy = { group: null, sent: null, sentUntilMs: 0 };
    this.#busy.set(shard, busy);
    return busy;
  }

  /** Whoever comes first sees to it that the group leaves. */
  #lead(shard: number, busy: Busy, group: Group): void {
    const { now, schedule, keep } = this.#deps;
    keep(group.answered);
    schedule(GATHER_MS, () => {
      if (busy.group === group) void this.#send(shard, busy, group, now());
    });
  }

  /** A group leaves with somebody who needn't have been its first, and is kept for it. */
  #sendFor(shard: number, busy: Busy, group: Group, nowMs: number): void {
    this.#deps.keep(this.#send(shard, busy, group, nowMs));
  }

  #send(shard: number, busy: Busy, group: Group, nowMs: number): Promise<void> {
    busy.group = null;
    busy.sent = group;
    busy.sentUntilMs = nowMs + UNDER_WAY_MS_MAX;
    return this.#answer(shard, group, nowMs);
  }

  /** A call has returned; nothing is known any more of a shard that nothing is on its way to. */
  #returned(shard: number, group: Group): void {
    const busy = this.#busy.get(shard);
    if (busy?.sent !== group) return;
    busy.sent = null;
    if (busy.group === null) this.#busy.delete(shard);
  }

  /** Makes the call of a group, and answers each of it. Never rejects. */
  async #answer(shard: number, group: Group, nowMs: number): Promise<void> {
    const tell = await this.#call(shard, group, nowMs).catch((error: unknown) => {
      const reason = group.waiting.length === 1 ? error : ofNobody(error);
      return ({ reject }: Waiting) => reject(reason);
    });
    // Before anybody is told: who is sent elsewhere comes again at once.
    this.#returned(shard, group);
    for (const [index, one] of group.waiting.entries()) tell(one, index);
    group.onAnswered();
  }

  /** @returns what tells each of a group what became of theirs */
  async #call(shard: number, group: Group, nowMs: number): Promise<Tell> {
    const { callShard, now } = this.#deps;
    const { mapping, waiting } = group;
    const waitedUntilMs = Math.min(nowMs, group.dueMs);
    const [first, ...others] = waiting;
    if (first === undefined) throw new Error("a group has somebody who waits");
    if (others.length === 0) {
      const { incoming, patience } = first;
      const { userId, reports } = incoming;
      const answer = await callShard(shard, WHAT, howFor(patience), (stub, limitMs) =>
        stub.report(userId, reports, NO_TIME_AT_ALL, mapping, limitMs),
      );
      if (!isElsewhere(answer) && !isReceipt(answer)) throw new Error("a shard says what it has taken");
      return (one) => one.resolve(waited(answer, one, waitedUntilMs));
    }
    const leastAtMs = Math.min(...waiting.map(({ patience }) => patience.deadlineAtMs));
    const most = waiting.reduce((a, b) => (b.patience.deadlineAtMs > a.patience.deadlineAtMs ? b : a), first);
    const batch = waiting.map(({ incoming }) => incoming);
    const answer = await callShard(shard, WHAT, howFor(most.patience), async (stub, limitMs) => {
      const leftMs = Math.min(limitMs, remainingMs(leastAtMs, now()));
      const receipts = await stub.reportMany(batch, NO_TIME_AT_ALL, mapping, leftMs, true);
      return isElsewhere(receipts) ? receipts : requireSome(receipts);
    });
    return (one, index) => {
      if (isElsewhere(answer)) return one.resolve(answer);
      const [failure, receipt] = [failureIn(answer[index]), receiptIn(answer[index])];
      if (failure !== null) one.reject(ofOne(failure));
      else if (receipt !== null) one.resolve(waited(receipt, one, waitedUntilMs));
      else one.reject(new Error("a shard answers each of a group"));
    };
  }
}

/** A call for somebody has that patience; dated, it is as good twice as once. */
function howFor(patience: ShardPatience) {
  return { kind: "write", idempotent: true, patience } as const;
}

function newGroup(mapping: ShardMapping, first: Waiting, nowMs: number): Group {
  const { promise: answered, resolve: onAnswered } = Promise.withResolvers<void>();
  const group = { mapping, dueMs: nowMs + GATHER_MS, waiting: [], reports: 0, answered, onAnswered };
  join(group, first);
  return group;
}

function join(group: Group, one: Waiting): void {
  group.waiting.push(one);
  group.reports += one.incoming.reports.length;
}

/** A clock that is set back by an hour must keep nobody waiting for one. */
function isUnderWay({ sent, sentUntilMs }: Busy, nowMs: number): boolean {
  return sent !== null && nowMs < sentUntilMs && sentUntilMs - nowMs <= UNDER_WAY_MS_MAX;
}

function mayJoin({ mapping, reports }: Group, theirs: ShardMapping, { reports: more }: Incoming): boolean {
  return isSameMapping(mapping, theirs) && reports + more.length <= REPORTS_PER_GROUP_MAX;
}

/** Whether a group leaves with whoever has just come: it should have left. */
function isDue({ dueMs }: Group, nowMs: number): boolean {
  return nowMs >= dueMs || dueMs - nowMs > GATHER_MS;
}

/**
 * Whether the shard may have to ask its database before it takes a report: nobody else waits for
 * that.
 */
function mayAskFirst({ reports }: Incoming, nowMs: number): boolean {
  return reports.some(
    (report) => isLate(report, nowMs + ON_THE_WAY_MS) || isAhead(report, nowMs - ON_THE_WAY_MS),
  );
}

/** An answer also says how long it has waited on purpose before the call. */
function waited(answer: Answer, { atMs }: Waiting, untilMs: number): Answer {
  if (isElsewhere(answer)) return answer;
  const ms = Math.min(GATHER_MS, Math.max(0, untilMs - atMs)) + (answer.waitedMs ?? 0);
  return ms === 0 ? answer : { ...answer, waitedMs: ms };
}

type Failure = Extract<SocketReceipt, { readonly failure: unknown }>["failure"];

/** What a shard says of one of a group, or what another release may say there. */
type Said = SocketReceipt | null | undefined;

function failureIn(said: Said): Failure | null {
  if (!isObject(said) || !("failure" in said) || !isObject(said.failure)) return null;
  const { retryAfterMs, ...failure } = said.failure;
  return Number.isFinite(retryAfterMs) ? said.failure : failure;
}

function receiptIn(said: Said): ReportReceipt | null {
  return isObject(said) && "receipt" in said && isReceipt(said.receipt) ? said.receipt : null;
}

function isReceipt(value: unknown): value is ReportReceipt {
  return isObject(value) && "accepted" in value && typeof value.accepted === "number";
}

/** Whatever its type says: it has come from another release, perhaps. */
function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/**
 * What the shard says of each of a group. Throws where it could do nothing for any of them, all for
 * one reason: that is the call's failure, and its guard's matter. What is wrong with one's reports
 * is theirs alone.
 */
function requireSome(receipts: readonly SocketReceipt[]): readonly SocketReceipt[] {
  const failures = receipts.map(failureIn).filter((failure) => failure !== null);
  const [first] = failures;
  if (first === undefined || failures.length < receipts.length) return receipts;
  const code = outwardCode(first);
  if (!isOutage(code) || failures.some((failure) => outwardCode(failure) !== code)) return receipts;
  // None of them may come again before their own time.
  const told = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  throw errorOf(told.length === 0 ? first : { ...first, retryAfterMs: Math.max(...told) });
}

/** Objects of the release before say INTERNAL where they have failed themselves. */
function outwardCode(failure: Failure): ErrorCode {
  const code = codeOf(failure);
  return code === "INTERNAL" ? "UNAVAILABLE" : code;
}

/** What the shard says of somebody's reports, as an error; clients read its message. */
function errorOf(failure: Failure, hints?: { readonly failedBelow: true }): CodedError {
  const { retryAfterMs } = failure;
  const code = outwardCode(failure);
  const message = code === "INVALID" ? NOT_TO_BE_KEPT : "The reports were not taken";
  return new CodedError(code, message, { ...(retryAfterMs !== undefined && { retryAfterMs }), ...hints });
}

/** The same where others of its call were taken: no breaker further out counts it. */
function ofOne(failure: Failure): CodedError {
  return errorOf(failure, { failedBelow: true });
}

/**
 * Why a call has failed that was made for many. Each one's reports were looked at before: should
 * another release refuse the call, clients would give up for good what is nobody's fault.
 */
function ofNobody(cause: unknown): unknown {
  return isOutage(codeOf(cause)) ? cause : releaseUnderWay(WHAT, cause);
}

/** Whether an error of that code is no fault of whoever has asked. */
function isOutage(code: ErrorCode): boolean {
  return ERROR_CATALOGUE[code].status >= 500;
}

function late(): CodedError {
  return new CodedError("DEADLINE_EXCEEDED", "A shard took too long", { failedBelow: true });
}
