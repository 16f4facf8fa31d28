import * as z from "zod";
import { CodedError, type FieldError } from "./errors.ts";
import { plainDatedReport, plainReport } from "./plain-report.ts";
import {
  datedReportSchema,
  reportSchema,
  REPORTS_PER_CALL_MAX,
  type DatedReport,
  type RejectedReport,
  type Report,
  type ReportReceipt,
} from "./history.ts";

/** The reports of one call, sorted: one report's fault is that report's. */
export interface ReportBatch<R extends Report = Report> {
  readonly reports: readonly R[];
  /** Where each of {@link reports} stood among those given. */
  readonly places: readonly number[];
  readonly rejected: readonly RejectedReport[];
}

const batchSchema = z.array(z.unknown()).min(1).max(REPORTS_PER_CALL_MAX);

/** A report as the schema sees it, or what is wrong with it. */
type Read<R> = { readonly data: R; readonly error?: undefined } | { readonly error: z.ZodError };

function readWith<R>(readPlain: (report: unknown) => R | null, schema: z.ZodType<R>) {
  return function read(report: unknown): Read<R> {
    const plain = readPlain(report);
    if (plain !== null) return { data: plain };
    const { data, error } = schema.safeParse(report);
    return error === undefined ? { data } : { error };
  };
}

const readReport = readWith(plainReport, reportSchema);
const readDatedReport = readWith(plainDatedReport, datedReportSchema);

/**
 * Tells the good reports of a call from the bad ones, so that a player's queue isn't held up for
 * ever by one of them. Throws `INVALID` with the path of each rejected value where it is no list of
 * 1 to 100, or where none is good. What a client says of how a report was dated is not in it.
 */
export function readReportBatch(given: unknown): ReportBatch {
  return sorted(given, readReport);
}

/** The same between workers, where a report also says how it was dated. */
export function readDatedBatch(given: unknown): ReportBatch<DatedReport> {
  return sorted(given, readDatedReport);
}

/**
 * What is said of all reports of a call: of those that were handed on, which is the receipt, and of
 * those that were not. Who got them may be of a later version and reject some more, by their places
 * among those.
 */
export function receiptOf(
  { places, rejected }: ReportBatch,
  { rejected: further = [], ...receipt }: ReportReceipt,
): ReportReceipt {
  const all = [
    ...rejected,
    ...further.map(({ index, ...fault }) => ({ index: places[index] ?? index, ...fault })),
  ];
  return all.length === 0 ? receipt : { ...receipt, rejected: all.toSorted((a, b) => a.index - b.index) };
}

function sorted<R extends Report>(given: unknown, read: (report: unknown) => Read<R>): ReportBatch<R> {
  const list = batchSchema.safeParse(given);
  if (!list.success) throw invalid(list.error.issues);
  const results = list.data.map(read);
  const places = results.flatMap(({ error }, index) => (error === undefined ? [index] : []));
  if (places.length === 0)
    throw invalid(
      results.flatMap(({ error }, index) => error?.issues.map((issue) => under(index, issue)) ?? []),
    );
  return {
    reports: results.flatMap((result) => (result.error === undefined ? [result.data] : [])),
    places,
    rejected: results.flatMap(({ error }, index) => (error === undefined ? [] : [rejectedOf(index, error)])),
  };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function under(index: number, { path, message }: Issue): Issue {
  return { path: [index, ...path], message };
}

/** One line a report, whatever else is wrong with it: so all bad ones of a call can be named. */
function rejectedOf(index: number, error: z.ZodError): RejectedReport {
  const [issue] = error.issues;
  return { index, path: dotted(issue?.path ?? []), message: issue?.message ?? "is not valid" };
}

function invalid(issues: readonly Issue[]): CodedError {
  const errors: FieldError[] = issues.map(({ path, message }) => ({
    path: dotted(["reports", ...path]),
    message,
  }));
  return new CodedError("INVALID", "Some values are not valid; see errors", { errors });
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join(".");
}
