import { DurableObject } from "cloudflare:workers";

/** A statement and its values; a blob is told by its size, since its bytes cost nothing. */
type Statement = readonly [
  query: string,
  values: readonly (string | number | null | { readonly blobBytes: number })[],
];

/** What is done as one: all of it, or nothing where a statement fails. */
interface Unit {
  readonly isCounted: boolean;
  readonly statements: readonly Statement[];
}

/** Runs statements on an object's own SQLite and adds up what the platform would bill for them. */
export class SqlMeter extends DurableObject {
  override async fetch(request: Request): Promise<Response> {
    const billed = { rowsRead: 0, rowsWritten: 0 };
    for (const { isCounted, statements } of await request.json<readonly Unit[]>()) {
      const rows = this.#run(statements);
      if (!isCounted) continue;
      billed.rowsRead += rows.rowsRead;
      billed.rowsWritten += rows.rowsWritten;
    }
    return Response.json(billed);
  }

  /** What fails here has failed before, when it was recorded. */
  #run(statements: readonly Statement[]): { readonly rowsRead: number; readonly rowsWritten: number } {
    const rows = { rowsRead: 0, rowsWritten: 0 };
    try {
      this.ctx.storage.transactionSync(() => {
        for (const [query, values] of statements) {
          const bound = values.map((value) =>
            typeof value === "object" && value !== null ? new ArrayBuffer(value.blobBytes) : value,
          );
          const cursor = this.ctx.storage.sql.exec(query, ...bound);
          cursor.toArray();
          rows.rowsRead += cursor.rowsRead;
          rows.rowsWritten += cursor.rowsWritten;
        }
      });
    } catch (error) {
      if (!/constraint failed|SQLITE_CONSTRAINT/i.test(String(error))) throw error;
    }
    return rows;
  }
}

/** The object is named by the path. */
export default {
  fetch: (request, { SQL }) => SQL.getByName(new URL(request.url).pathname).fetch(request),
} satisfies ExportedHandler<{ readonly SQL: DurableObjectNamespace }>;
