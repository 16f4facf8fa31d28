/**
 * The same methods, answering plain promises. Those of RPC are proxies on which every property a
 * matcher looks at is a call of its own, whose failure nobody would handle.
 */
export function plainPromises<T extends object>(remote: T): T {
  const methods = remote as Record<PropertyKey, (...args: readonly unknown[]) => Promise<unknown>>;
  const call =
    (method: PropertyKey) =>
    async (...args: readonly unknown[]): Promise<unknown> =>
      await methods[method]?.(...args);
  return new Proxy(remote, { get: (_remote, method) => call(method) });
}
