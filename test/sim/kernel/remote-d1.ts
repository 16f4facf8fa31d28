/** Makes a call that may be late, fail, lose its reply, or take its caller with it. */
export type RemoteCall = <T>(what: string, effect: () => T | Promise<T>) => Promise<T>;

/** A D1 database at the other end of `call`. */
export function remoteD1(call: RemoteCall, db: D1Database, rewrite: (query: string) => string): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement, query: string): D1PreparedStatement => {
    const what = `db ${query.trim().slice(0, 40).replaceAll(/\s+/g, " ")}`;
    const remote = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values), query),
      all: () => call(what, () => statement.all()),
      run: () => call(what, () => statement.run()),
      first: () => call(what, () => statement.first()),
      raw: () => call(what, () => statement.raw()),
    } as unknown as D1PreparedStatement;
    originals.set(remote, statement);
    return remote;
  };
  return {
    prepare: (query: string) => wrap(db.prepare(rewrite(query)), query),
    batch: (statements: D1PreparedStatement[]) =>
      call("db batch", () => db.batch(statements.map((statement) => originals.get(statement) ?? statement))),
  } as unknown as D1Database;
}
