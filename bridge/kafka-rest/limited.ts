import { FrontError } from "../shared/front-error.ts";

/** What work comes to, or 503 when the time is over: a client that hangs holds nobody up. */
export async function limited<Value>(work: Promise<Value>, limitMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new FrontError(503, `Kafka did not answer within ${limitMs} ms`)),
      limitMs,
    );
  });
  // Nobody looks at it any more when the time is over.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
