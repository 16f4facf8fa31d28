/**
 * What one attempt may take, by what is called, in ms. A call inside another has less than the
 * outer one, so that the guard next to an upstream that hangs finds that out, and those above hear
 * of it in time: a guard whose calls are always cut off by the caller's deadline would blame no
 * upstream, or the wrong one. `test/platform/guard/call-timeouts.test.ts` holds each of them
 * against what it runs in.
 */
export const CALL_TIMEOUT_MS = {
  /** A service, within a route's second. */
  rpc: 400,
  /** A shard of the history, within a call of the history service. */
  shard: 350,
  /**
   * A report, which may wait on purpose for a commit that it shares with others, and its shard,
   * within a call of the history service. Half of this is more than it ever waits.
   */
  reportRpc: 900,
  reportShard: 850,
  /** A cache, or a store that is as near, within a call of a shard. */
  cache: 50,
  /** A database, within a call of its service, or of a shard. */
  database: 300,
  /** scrypt takes 200 ms and more, and several may be waiting for the same core. */
  passwordRpc: 4_500,
  /**
   * A refresh spends its token when it commits: cut short by a time that is meant for reads, it
   * would cost the session. So may what ends one.
   */
  sessionRpc: 2_500,
  /** What changes accounts and sessions, and what has to be read for it. */
  accountDatabase: 2_000,
  /** Moving money may be slow, but not twice. Looking at it is a call like any other. */
  moneyRpc: 2_500,
  moneyDatabase: 2_000,
  /** Operators look at all shards at once. */
  operatorRpc: 4_500,
  operatorShard: 4_000,
  operatorDatabase: 2_000,
  /**
   * A push: a comet, which only sends, a room, which waits for comets, and the realtime worker,
   * which waits for either.
   */
  comet: 1_000,
  room: 2_500,
  push: 3_000,
  /** A queue's batch is sent while somebody waits for an alarm, or an operator for a flush. */
  queue: 3_500,
  /** Who reads the bus is woken after a batch was sent, by somebody who waits for that. */
  puller: 1_000,
  /**
   * Bulk writes of jobs, for which nobody waits, and an erasure, which is one of them from afar.
   */
  job: 15_000,
  erasureRpc: 20_000,
  /** Those who need identity's keys wait a little longer than the guard around it. */
  trustPull: 450,
  /** Whether all is ready: the gateway's answer, its call to each BFF, and the BFF's own check. */
  readyAnswer: 2_500,
  readyCall: 2_250,
  readyCheck: 2_000,
} as const;
