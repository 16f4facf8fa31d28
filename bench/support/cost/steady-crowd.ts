interface CrowdOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Sends the request of that number; rejects where it goes wrong. */
  readonly send: (number: number) => Promise<void>;
}

const TICK_MS = 5;

export interface Crowd {
  readonly sent: number;
  readonly good: number;
  readonly firstFailure: unknown;
}

/** Sends at a fixed rate, whether or not answers come, and tells how that went. */
export async function steadyCrowd({ perSecond, seconds, send }: CrowdOptions): Promise<Crowd> {
  const startedAtMs = performance.now();
  const answers: Promise<boolean>[] = [];
  let firstFailure: unknown = null;
  for (let elapsedMs = 0; elapsedMs < seconds * 1_000; elapsedMs = performance.now() - startedAtMs) {
    while (answers.length < (elapsedMs * perSecond) / 1_000) {
      const answer = send(answers.length).then(
        () => true,
        (error: unknown) => {
          firstFailure ??= error;
          return false;
        },
      );
      answers.push(answer);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const good = (await Promise.all(answers)).filter(Boolean).length;
  return { sent: answers.length, good, firstFailure };
}
