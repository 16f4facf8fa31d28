import { proxiedD1 } from "../../../testbed/databases/d1-proxy.ts";

/** Makes a call that may be late, fail, lose its reply, or take its caller with it. */
export type RemoteCall = <T>(what: string, effect: () => T | Promise<T>) => Promise<T>;

/** A D1 database at the other end of `call`. */
export function remoteD1(call: RemoteCall, db: D1Database, rewrite: (query: string) => string): D1Database {
  return proxiedD1(
    db,
    (ask, { runs, isBatch }) => call(isBatch ? "db batch" : `db ${outlineOf(runs[0]?.query ?? "")}`, ask),
    rewrite,
  );
}

function outlineOf(query: string): string {
  return query.trim().slice(0, 40).replaceAll(/\s+/g, " ");
}
