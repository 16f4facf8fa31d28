/** A client that is shed comes back, as it is told to. */
const TRIES = 40;
const PAUSE_MS = 250;

/** Does it again where it is refused. Throws what it was refused with last, after ten seconds. */
export async function untilTaken<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
