import { DurablePending } from "../../../src/history/biz/durable-pending.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import { RemoteHotStore } from "../../../src/history/biz/remote-hot-store.ts";
import { UnloadedValues } from "../../../src/history/biz/unloaded-values.ts";
import { differing, method, type Mutation } from "./history-mutation.ts";

const hotStore = "redis";

/** Guards of Redis as the hot store. */
export const MUTATIONS_OF_REDIS: readonly Mutation[] = [
  {
    name: "a report is answered before its value is in Redis",
    hotStore,
    patch: method(RemoteHotStore, "durable", () => () => undefined),
  },
  {
    name: "what Redis doesn't take, the log doesn't either",
    hotStore,
    patch: method(DurablePending, "takeIntoLog", () => () => undefined),
  },
  {
    name: "a restart gives up the keys that it finds",
    hotStore,
    patch: method(UnloadedValues, "put", () => () => undefined),
  },
  {
    name: "a user is served though what is pending of them could not be read back",
    hotStore,
    patch: method(RemoteHotStore, "isLoaded", () => () => true),
  },
  {
    name: "nobody remembers at which endpoint a pending value is",
    hotStore,
    patch: method(PendingSet, "placeOf", () => () => undefined),
  },
  {
    name: "what was missed once is missed again at each restart",
    hotStore,
    patch: method(DurablePending, "noteGone", () => () => undefined),
  },
  {
    name: "Redis isn't told what D1 has",
    hotStore,
    values: (values) => ({ ...values, drop: async () => undefined }),
  },
  {
    name: "an erasure leaves Redis alone",
    hotStore,
    values: (values) => ({ ...values, forget: async () => undefined }),
  },
  {
    name: "what could not be written down goes to Redis",
    hotStore,
    under: "bad-report",
    log: (log) => differing(log, { checkWritable: () => undefined }),
  },
];
