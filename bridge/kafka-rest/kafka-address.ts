import { isIP } from "node:net";
import type { BaseOptions, SASLMechanismValue } from "@platformatic/kafka";

export const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** Where Kafka is, and who we are to it. */
export interface KafkaAddress {
  /** `host:port` each; the others are heard of from any one. */
  readonly brokers: readonly string[];
  readonly login?: {
    readonly mechanism: (typeof SASL_MECHANISMS)[number] & SASLMechanismValue;
    readonly username: string;
    readonly password: string;
  };
  /** Whether it is reached by TLS; with an authority of its own if the system doesn't know it. */
  readonly tls?: { readonly ca?: string };
}

const CONNECT_TIMEOUT_MS = 3_000;
/** A broker that says nothing for so long while it owes an answer is given up. */
const SILENCE_MS_MAX = 20_000;
const RETRIES_MAX = 3;
const RETRY_DELAY_MS = 100;
/** A leader that has moved is heard of within this. */
const METADATA_AGE_MS_MAX = 5_000;

/** What every client of Kafka has in common. Topics are never made by asking for them. */
export function clientOptions({ brokers, login, tls }: KafkaAddress, role: string): BaseOptions {
  return {
    clientId: `kafka-rest-${role}`,
    bootstrapBrokers: [...brokers],
    ...(login === undefined ? {} : { sasl: { ...login } }),
    ...(tls === undefined ? {} : { tls: { ...tls }, tlsServerName: !brokers.some(isAddress) }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: SILENCE_MS_MAX,
    retries: RETRIES_MAX,
    retryDelay: RETRY_DELAY_MS,
    metadataMaxAge: METADATA_AGE_MS_MAX,
    autocreateTopics: false,
  };
}

/** In TLS no address is told as a name; it is checked against the certificate all the same. */
function isAddress(broker: string): boolean {
  return isIP(broker.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1")) !== 0;
}
