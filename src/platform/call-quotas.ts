/** What one attempt may take, by what is called, in ms. Routes that hash passwords or look at everything have more. */
export const CALL_QUOTA_MS = {
  cache: 50,
  database: 300,
  rpc: 400,
  /** scrypt takes 200 ms and more, and several may be waiting for the same core. */
  passwordRpc: 4_500,
  /** Money may be slow, but not twice. */
  moneyRpc: 2_500,
  moneyDatabase: 2_000,
  /** Operators look at all shards at once. */
  operatorRpc: 4_500,
  /** A queue's batch is sent while somebody waits for an alarm only. */
  queue: 5_000,
  /** Bulk writes of jobs, for which nobody waits. */
  job: 15_000,
} as const;
