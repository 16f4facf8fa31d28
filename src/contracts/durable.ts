import type { BreakerReport, BreakerVerdict } from "../resilience/breaker/shared-breaker-state.ts";
import type { ReportPace } from "../resilience/breaker/report-turns.ts";
import type { RateAnswer, RateAsk } from "../resilience/quota/rate-limit.ts";

/*
 * What the objects of `playhead-durable` answer. They are reached by name through their namespaces:
 * a `RateWindow` by its client, a `BreakerState` by its upstream, and the one `FaultBoard`.
 */

/**
 * A question about one of a client's quotas. The quota travels along: the object knows no policies.
 */
export interface PolicyAsk {
  /** Name of the policy, unique within the client. */
  readonly policy: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly ask: RateAsk;
}

/** One quota of a client as it stands. */
export interface QuotaView {
  readonly policy: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly remaining: number;
  /** Ms until more becomes free. */
  readonly resetMs: number;
}

/**
 * The quotas of one client, or of one share of a hot one. What is granted is written before it is
 * answered.
 */
export interface RateWindowRpc {
  /**
   * Several asks of kind `take` are all-or-nothing: if one is denied, none is counted. Of others
   * one that can't be read is answered by null and the rest is counted. Throws `INVALID` where none
   * can be read, or one of several takes.
   */
  ask(asks: readonly PolicyAsk[]): Promise<readonly (RateAnswer | null)[]>;
  view(): Promise<readonly QuotaView[]>;
}

/**
 * What decides whether calls to an upstream are made: `hystrix` together with all other isolates
 * that call it by this engine, `sre` in each isolate by itself.
 */
export const BREAKER_ENGINES = ["sre", "hystrix"] as const;
export type BreakerEngine = (typeof BREAKER_ENGINES)[number];

export interface WorkersReport extends BreakerReport {
  /** The reporter's worker, for operators; absent from one of the release before. */
  readonly worker?: string;
}

/** What a worker saw whose engine decides by itself. */
export interface CallsSeen {
  /** The worker's name. */
  readonly worker: string;
  readonly engine: BreakerEngine;
  readonly ok: number;
  readonly failed: number;
  /** The isolate, by one name for its life; absent from one of the release before. */
  readonly reporter?: string;
  /** How far apart this isolate keeps what it tells, in ms, where it was told to. */
  readonly keptMs?: number;
}

/** A worker that calls the upstream, by which engine, and what it saw within the window. */
export interface BreakerCaller {
  readonly worker: string;
  readonly engine: BreakerEngine;
  readonly total: number;
  readonly failures: number;
}

/** The shared state of one upstream's breaker, as operators see it. */
export interface SharedBreakerView {
  readonly state: "closed" | "open" | "half_open";
  readonly version: number;
  /**
   * Calls reported within the window, and how many of them failed. A quiet report counts for as
   * many as it stands for.
   */
  readonly total: number;
  readonly failures: number;
  readonly openedAtMs: number | null;
  /**
   * Who has called within the last minute, as far as the object remembers; absent from an object of
   * the release before.
   */
  readonly callers?: readonly BreakerCaller[];
}

/**
 * The shared state of one upstream's breaker. Isolates report what they saw and learn the verdict;
 * nobody waits for it.
 */
export interface BreakerStateRpc {
  report(report: WorkersReport): Promise<BreakerVerdict>;
  /**
   * What a worker has seen whose engine decides by itself: shown to operators, and no part of what
   * the others are told. Answers how soon to tell more; an object of the release before says
   * nothing, nor does one that isn't told who asks.
   */
  observe(seen: CallsSeen): Promise<ReportPace | void>;
  view(): Promise<SharedBreakerView>;
}

/** Upstreams into which faults can be injected, by the name their callers use. */
export const FAULT_TARGETS = ["account", "app", "history", "wallet", "savings", "identity"] as const;
export type FaultTarget = (typeof FAULT_TARGETS)[number];

/** What goes wrong in calls to an upstream. */
export interface Fault {
  /** Added before each call, in ms. */
  readonly latencyMs: number;
  /** Share of calls that fail without reaching the upstream, 0 … 1. */
  readonly errorRate: number;
  /** When it ends by itself, ms since the epoch; null: with the next restart. */
  readonly untilMs: number | null;
}

/** The faults in force. Those of another boot are ignored: a restart mends everything. */
export interface FaultBoardRpc {
  faultOf(bootId: string, target: FaultTarget): Promise<Fault | null>;
  /** Replaces the target's fault; null ends it. */
  set(bootId: string, target: FaultTarget, fault: Fault | null): Promise<void>;
  all(bootId: string): Promise<Readonly<Partial<Record<FaultTarget, Fault>>>>;
}

/** The name under which the one fault board is reached. */
export const FAULT_BOARD_NAME = "faults";

/** Upstreams whose breaker state is shared by all isolates, by the name of their object. */
export const SHARED_UPSTREAMS = [
  "account",
  "app",
  "ops",
  "realtime",
  "realtime-pushes",
  "identity",
  "history",
  "identity-db",
  "history-db-0",
  "history-db-1",
  "history-queue",
  "wallet",
  "savings",
  "wallet-db",
  "savings-db",
  "wallet-queue",
  "savings-queue",
] as const;

/** Of the history, whose cells, databases and queues config alone adds. */
const SHARED_OF_HISTORY = /^history-(?:[a-z][a-z0-9]{0,15}-)?(?:db-\d{1,3}|kafka|queue)$/;

/** Whether all isolates share the breaker state of this upstream. */
export function isSharedUpstream(upstream: string): boolean {
  return (SHARED_UPSTREAMS as readonly string[]).includes(upstream) || SHARED_OF_HISTORY.test(upstream);
}
