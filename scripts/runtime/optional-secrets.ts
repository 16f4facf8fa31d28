/** By worker the secrets that it takes where they are given, and can do without. */
const OPTIONAL_SECRETS: Readonly<Record<string, readonly string[]>> = {
  "playhead-history": ["UPSTASH_KAFKA_REST_PASSWORD", "UPSTASH_REDIS_REST_TOKEN"],
  "playhead-wallet": ["UPSTASH_KAFKA_REST_PASSWORD"],
  "playhead-savings": ["UPSTASH_KAFKA_REST_PASSWORD"],
};

/** Those of `all` that a worker takes. */
export function optionalSecretsOf(
  worker: string,
  all: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const taken = OPTIONAL_SECRETS[worker] ?? [];
  return Object.fromEntries(Object.entries(all).filter(([name]) => taken.includes(name)));
}
