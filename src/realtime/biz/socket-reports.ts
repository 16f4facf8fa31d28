import { dateReports } from "../../contracts/date-reports.ts";
import { CodedError, hintsOf, type ErrorCode } from "../../contracts/errors.ts";
import { reportsSchema, type ReportReceipt } from "../../contracts/history.ts";
import { mayDo } from "../../contracts/permissions.ts";
import { problemBody } from "../../contracts/problem-body.ts";
import type { SocketReceipt } from "../../contracts/realtime-rpc.ts";
import { REALTIME_OPS } from "../../contracts/realtime.ts";
import { readReportBatch, receiptOf } from "../../contracts/report-batch.ts";
import type { GoimPacket } from "../../protocol/goim-packet.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Connection } from "./connection.ts";
import { EMPTY_BODY, jsonPacket, packet } from "./packets.ts";
import { principalOf } from "./principal-of.ts";
import { readBody } from "./read-body.ts";
import type { ReportGather } from "./report-gather.ts";

export interface SocketReportsDeps {
  readonly gather: ReportGather;
  readonly now: Clock;
  /** They are durable. */
  readonly onTaken: () => void;
  /** A failure that is ours, and not the client's. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Op 2001: acked when all that it reports is durable, with an empty body where there is nothing to
 * tell, or with a problem where none was taken. Never throws.
 */
export async function takeReports(
  connection: Connection,
  given: GoimPacket,
  deps: SocketReportsDeps,
): Promise<void> {
  const { seq, ver } = given;
  try {
    const told = await report(connection, given.body, deps);
    const op = REALTIME_OPS.report;
    connection.send(told === null ? packet(op, seq, EMPTY_BODY, ver) : jsonPacket(op, seq, told));
  } catch (error) {
    const { retryAfterMs } = hintsOf(error);
    const problem = problemBody(error, retryAfterMs === undefined ? {} : { retryAfterMs });
    if (problem.code === "INTERNAL") deps.onFailure(error);
    connection.send(jsonPacket(REALTIME_OPS.report, seq, problem));
  }
}

async function report(connection: Connection, body: Uint8Array, deps: SocketReportsDeps) {
  const { gather, now, onTaken } = deps;
  const user = principalOf(connection.state);
  if (user === null) throw new CodedError("UNAUTHENTICATED", "Guests have no history");
  if (!mayDo(user.roles, "history:own"))
    throw new CodedError("FORBIDDEN", "The roles of the token do not allow this");
  const { reports: given, sentAt } = readBody(reportsSchema, body);
  const batch = readReportBatch(given);
  const dated = dateReports(batch.reports, now(), sentAt);
  const receipt = receiptIn(await gather.submit(user.userId, connection.id, dated));
  onTaken();
  return tellOf(connection, receiptOf(batch, receipt), now);
}

function receiptIn(answer: SocketReceipt): ReportReceipt {
  if ("receipt" in answer) return answer.receipt;
  const { code, retryAfterMs } = answer.failure;
  const hints = retryAfterMs === undefined ? {} : { retryAfterMs };
  throw new CodedError(code as ErrorCode, "The reports were not taken", hints);
}

/** What the client doesn't know yet, as over HTTP; null where that is nothing. */
function tellOf(connection: Connection, receipt: ReportReceipt, now: Clock) {
  const { waitedMs: _, nextReportMs, ...rest } = receipt;
  const isPaceNew = nextReportMs !== undefined && nextReportMs !== connection.state.toldReportMs;
  if (isPaceNew && !connection.isClosed) connection.save({ toldReportMs: nextReportMs });
  const isPlain = rest.ignored === 0 && rest.rejected === undefined && rest.superseded === undefined;
  if (isPlain && !isPaceNew) return null;
  return { ...rest, ...(isPaceNew ? { nextReportMs } : {}), now: now() };
}
