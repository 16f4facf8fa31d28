const TIMEOUT_MS = 10_000;

/**
 * Waits for what happens in another process. Throws, with what was waited for, when it doesn't in
 * time.
 */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  for (
    const deadline = Date.now() + timeoutMs;
    !(await check());
    await new Promise((resolve) => setTimeout(resolve, 10))
  ) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
  }
}
