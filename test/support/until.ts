const TIMEOUT_MS = 10_000;

/**
 * Waits for what happens in another process. Throws, with what was waited for, when it doesn't
 * within ten seconds.
 */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (
    const deadline = Date.now() + TIMEOUT_MS;
    !(await check());
    await new Promise((resolve) => setTimeout(resolve, 10))
  ) {
    if (Date.now() > deadline) throw new Error(`not within ${TIMEOUT_MS} ms: ${what}`);
  }
}
