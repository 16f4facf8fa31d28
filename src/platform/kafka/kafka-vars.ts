import * as z from "zod/mini";

const TEXT_MAX = 500;
/** What Basic auth can carry: one byte a character, and no colon in the name. */
const USERNAME = /^[!-9;-~]*$/;
const PASSWORD = /^[ -~]*$/;

const textVar = (pattern: RegExp) =>
  z.optional(z.string().check(z.maxLength(TEXT_MAX), z.regex(pattern, "must be printable ASCII")));

/** The vars, and the secret, of a worker that can reach Kafka; empty or absent where none does. */
export const kafkaVars = {
  UPSTASH_KAFKA_REST_URL: z.optional(
    z.string().check(
      z.maxLength(TEXT_MAX),
      z.refine((text) => text === "" || isSafeUrl(text), "must be an https URL, or http on this machine"),
    ),
  ),
  UPSTASH_KAFKA_REST_USERNAME: textVar(USERNAME),
  UPSTASH_KAFKA_REST_PASSWORD: textVar(PASSWORD),
} as const;

/** Where a REST front of Kafka is, and how it is spoken to. */
export interface KafkaAccess {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

interface KafkaConfig {
  readonly UPSTASH_KAFKA_REST_URL?: string | undefined;
  readonly UPSTASH_KAFKA_REST_USERNAME?: string | undefined;
  readonly UPSTASH_KAFKA_REST_PASSWORD?: string | undefined;
}

/** Null where one of the three is missing. */
export function kafkaAccess({
  UPSTASH_KAFKA_REST_URL: url = "",
  UPSTASH_KAFKA_REST_USERNAME: username = "",
  UPSTASH_KAFKA_REST_PASSWORD: password = "",
}: KafkaConfig): KafkaAccess | null {
  return url === "" || username === "" || password === "" ? null : { url, username, password };
}

/** What a config is told that asks for Kafka and can't reach it. */
export const KAFKA_MISSING =
  "is kafka, and UPSTASH_KAFKA_REST_URL, _USERNAME or _PASSWORD is missing or empty";

/**
 * The password travels with each request: in the clear it leaves no machine. One within the URL
 * would be told by every error that names it, and behind a mark of a query no path is one.
 */
function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "" || /[?#\s]/.test(text)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
}

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;
