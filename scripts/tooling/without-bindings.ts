/**
 * A wrangler.toml without the service and Durable Object bindings that lead to `workers`: what a
 * worker inside a cycle is deployed from first. Works on the text, table by table, so that
 * everything else stays as it was written.
 */
export function withoutBindings(toml: string, workers: readonly string[]): string {
  const tables = toml.split(/^(?=\[)/m);
  return tables.filter((table) => !leadsTo(table, workers)).join("");
}

function leadsTo(table: string, workers: readonly string[]): boolean {
  const key = table.startsWith("[[services]]")
    ? "service"
    : table.startsWith("[[durable_objects.bindings]]")
      ? "script_name"
      : null;
  if (key === null) return false;
  const target = new RegExp(`^${key}\\s*=\\s*["']([^"']+)["']`, "m").exec(table)?.[1];
  return target !== undefined && workers.includes(target);
}
