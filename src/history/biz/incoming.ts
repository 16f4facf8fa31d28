import type { DatedReport } from "../../contracts/history.ts";

/** Where a report has come from: a socket, which need not be told what it has sent. */
export interface SocketSource {
  readonly socket: string;
  /** Whether its user has other sockets, as its comet knew when it sent the report. */
  readonly others: boolean;
  /** When that was so, on the scale of the versions of joins. */
  readonly version: number;
}

/** Reports of one user as they come in. */
export interface Incoming {
  readonly userId: string;
  readonly reports: readonly DatedReport[];
  readonly source?: SocketSource;
}

/** Why reports are refused that passed every check before; the client reads it. */
export const NOT_TO_BE_KEPT = "A report holds values that can't be kept";
