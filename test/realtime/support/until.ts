/** Longer than anything takes on a machine that is busy. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 5;

/** Waits until it is so. Throws where that takes too long. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`waited in vain: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
