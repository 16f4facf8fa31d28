import type { CallContext } from "../../../src/contracts/call-context.ts";
import type { LedgerChange, LedgerName } from "../../../src/contracts/ledger.ts";
import type { Settlement } from "../../../src/ledger/biz/settlement.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { SimDatabase } from "../kernel/sim-database.ts";
import type { LedgerCounters } from "./ledger-counters.ts";
import type { Mutation } from "./ledger-mutation.ts";
import type { StreamMode } from "./stream-mode.ts";

/** What the two ledgers have in common. */
export interface LedgerScene {
  readonly kernel: Kernel;
  readonly mutation: Mutation;
  readonly counters: LedgerCounters;
  /** Changed in place when it heals. */
  readonly hardship: { skewMsMax: number };
  readonly stream: StreamMode;
  /** Whether clocks have readings a month ahead. */
  readonly jumps: boolean;
  /** A UUIDv7 of that time, never the same twice. */
  newId(atMs: number): string;
}

/**
 * One ledger as the isolates see it that are built in it. What it is, `SimLedger`, builds them;
 * they know only this.
 */
export interface LedgerPlace {
  readonly world: LedgerScene;
  readonly name: LedgerName;
  readonly database: SimDatabase;
  readonly publisher: { wake(atMs: number): Promise<number> };
  /** Whether it is deployed with its change stream. */
  readonly isStreaming: boolean;
  readonly peer: LedgerPlace;
  /** Nobody reaches it by RPC. */
  readonly isCutOff: boolean;
  /** Runs a call of another worker's, within its time. */
  serve<T>(ctx: CallContext, work: (isolate: { readonly settlement: Settlement }) => Promise<T>): Promise<T>;
  /** Messages for its queue. */
  take(messages: readonly { readonly body: unknown }[]): void;
  publish(changes: readonly LedgerChange[]): void;
  noteSend(transferId: string, attempt: number): void;
}
