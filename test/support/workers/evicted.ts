import { evictDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";

type Namespace = Pick<DurableObjectNamespace, "getByName">;
type Methods = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

/** What the runtime waits for is 30 s; nothing of ours may last longer than this. */
const ENDS_WITHIN_MS = 10_000;

/**
 * Tests in the real runtime that after each call an object lets itself be evicted: a timer, a call
 * or work of `waitUntil` that it had left behind would keep it.
 */
export function testEviction(
  namespace: Namespace,
  nameOf: (index: number) => string,
  calls: Readonly<Record<string, readonly unknown[]>>,
): void {
  it.each(Object.entries(calls).map(([method, args], index) => [method, args, index] as const))(
    "can be evicted after %s",
    async (method, args, index) => {
      const name = nameOf(index);
      // One that is refused leaves nothing behind either.
      await (namespace.getByName(name) as unknown as Methods)[method]?.(...args).catch(() => undefined);
      const begunAtMs = Date.now();
      await evictDurableObject(namespace.getByName(name));
      expect(Date.now() - begunAtMs).toBeLessThan(ENDS_WITHIN_MS);
    },
    2 * ENDS_WITHIN_MS,
  );
}
