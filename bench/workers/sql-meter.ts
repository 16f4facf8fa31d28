import { DurableObject } from "cloudflare:workers";

/** A statement and its values; a blob is told by its size, since its bytes cost nothing. */
type Statement = readonly [
  query: string,
  values: readonly (string | number | null | { readonly blobBytes: number })[],
];

/** Runs statements on an object's own SQLite and adds up what the platform would bill for them. */
export class SqlMeter extends DurableObject {
  override async fetch(request: Request): Promise<Response> {
    const billed = { rowsRead: 0, rowsWritten: 0 };
    for (const [query, values] of await request.json<readonly Statement[]>()) {
      const bound = values.map((value) =>
        typeof value === "object" && value !== null ? new ArrayBuffer(value.blobBytes) : value,
      );
      const cursor = this.ctx.storage.sql.exec(query, ...bound);
      cursor.toArray();
      // Tables are made once in an object's life.
      if (/^\s*CREATE/.test(query)) continue;
      billed.rowsRead += cursor.rowsRead;
      billed.rowsWritten += cursor.rowsWritten;
    }
    return Response.json(billed);
  }
}

/** The object is named by the path. */
export default {
  fetch: (request, { SQL }) => SQL.getByName(new URL(request.url).pathname).fetch(request),
} satisfies ExportedHandler<{ readonly SQL: DurableObjectNamespace }>;
