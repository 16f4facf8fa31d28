/** An answer that never comes. */
export const never: Promise<never> = new Promise(() => undefined);

/** A service, queue or object each of whose methods hangs. */
export function hungService(): object {
  // Not to be taken for a promise.
  return new Proxy({}, { get: (_service, name) => (name === "then" ? undefined : () => never) });
}

/** A namespace whose objects are there and hang. */
export function hungObjects(): object {
  return namespaceOf(hungService());
}

/** A namespace whose every object is this one. */
export function namespaceOf(object: object): object {
  return { idFromName: (name: string) => ({ name }), get: () => object, getByName: () => object };
}

/** A database that takes statements and never answers. */
export function hungD1(): object {
  const statement: object = {
    bind: () => statement,
    first: () => never,
    run: () => never,
    all: () => never,
    raw: () => never,
  };
  return { prepare: () => statement, batch: () => never, exec: () => never };
}

/** A database that has nothing and says so at once. */
export function emptyD1(): object {
  const statement: object = {
    bind: () => statement,
    first: async () => null,
    all: async () => ({ results: [] }),
    raw: async () => [],
  };
  return { prepare: () => statement };
}

/**
 * The vars that every worker which guards calls has, as they are deployed, and the objects that all
 * of them reach.
 */
export function guardBindings(): object {
  return {
    LOG_LEVEL: "silent",
    BREAKER_ENGINES: "",
    HEDGED_UPSTREAMS: "",
    FAULTS: "off",
    BOOT_ID: "",
    BREAKER_STATE: hungObjects(),
    FAULT_BOARD: hungObjects(),
  };
}

/** What the history worker is told by vars, and its guards. */
export function historyBindings(): object {
  return {
    ...guardBindings(),
    FLUSH_WINDOW_MS: "300000",
    COMMIT_GROUP: "20",
    COMMIT_WAIT_MS_MAX: "250",
    FINISHED_AT: "*=0.95",
    STARTED_AT_MS: "10000",
    REPORT_PACE_MS: "10000",
    CELLS: "main",
    HISTORY_SHARDS: "1",
    HOT_STORE: "shard",
    UPSTASH_REDIS_REST_URL: "",
  };
}
