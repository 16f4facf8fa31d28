/**
 * What travels between the gateway and a BFF beside the client's request. Inbound copies from
 * outside are never forwarded.
 */

export const INTERNAL_TOKEN_HEADER = "x-internal-token";
/** All that the gateway says of a request in one header: `gateway-context.ts`. */
export const CONTEXT_HEADER = "x-context";
export const REQUEST_ID_HEADER = "x-request-id";
export const TRACEPARENT_HEADER = "traceparent";
/**
 * What other vendors have noted on the caller's trace; travels on with `traceparent`, never
 * without.
 */
export const TRACESTATE_HEADER = "tracestate";

/*
 * What a gateway of the release before says in a header each; read for one release more.
 */
export const DEADLINE_HEADER = "x-deadline-ms";
/**
 * Says, by being there, that the client asked for less time than its route has: an upstream that is
 * late then need not be ill.
 */
export const HURRIED_HEADER = "x-hurried";
/** For how many requests a line stands at most. */
export const LOG_WEIGHT_MAX = 1_000_000;
/** Which try a request is, from 2 on. */
export const ATTEMPT_HEADER = "x-attempt";
/** The address a client calls from, for limits that are counted further down. */
export const CLIENT_ADDRESS_HEADER = "x-client-address";

/** Says of a 503 that its sender had too much to do. Stays inside. */
export const OVERLOADED_HEADER = "x-overloaded";
/** Says of a 503 that the account is at its spending cap. Stays inside. */
export const SPENDING_CAP_HEADER = "x-spending-cap";
/** Says of a 503 or 504 that nobody must try again at once. */
export const NO_RETRY_HEADER = "x-no-retry";
/** Says of a 503 or 504 that its sender is well: what failed lies behind it. Stays inside. */
export const FAILED_BELOW_HEADER = "x-failed-below";
/**
 * What the client's quota is and what is left of it (IETF draft-ietf-httpapi-ratelimit-headers-11).
 * The gateway says it on the way in: the BFF puts it on its answer.
 */
export const RATE_LIMIT_POLICY_HEADER = "ratelimit-policy";
export const RATE_LIMIT_HEADER = "ratelimit";

/** Issuer of the internal token; its audiences are the names of the workers. */
export const INTERNAL_ISSUER = "playhead-gateway";

/*
 * What kind a token is, in its header (RFC 8725, 3.11): none passes for another, whatever keys and
 * claims they come to share. The release before wrote other kinds, and its workers live beside ours
 * during a deployment: those are taken for one release more (docs/decisions/0010).
 */
export const INTERNAL_TOKEN_TYPE = "internal+jwt";
/** Of a ticket, which the gateway gives and takes itself: `POST /v1/realtime/tickets`. */
export const TICKET_TYPE = "ticket+jwt";
export const TICKET_AUDIENCE = "playhead-gateway";
export const TICKET_TTL_S = 30;
/** RFC 9068, 2.1. */
export const ACCESS_TOKEN_TYPE = "at+jwt";
export const ACCESS_TOKEN_TYPE_BEFORE = "JWT";

/** Issuer and audience of the access tokens that clients hold. */
export const ACCESS_TOKEN_ISSUER = "playhead";
export const ACCESS_TOKEN_AUDIENCE = "playhead";
export const ACCESS_TOKEN_TTL_MS = 10 * 60_000;

/** The BFFs, by the name that routes and `/readyz` use. */
export const BFF_NAMES = ["account", "app", "ops"] as const;
export type BffName = (typeof BFF_NAMES)[number];

/** Whom the gateway passes requests on to: the BFFs, and the worker that holds the sockets. */
export const UPSTREAM_NAMES = [...BFF_NAMES, "realtime"] as const;
export type UpstreamName = (typeof UPSTREAM_NAMES)[number];

/** Something for each of them. */
export function ofEachUpstream<T>(build: (name: UpstreamName) => T): Readonly<Record<UpstreamName, T>> {
  return Object.fromEntries(UPSTREAM_NAMES.map((name) => [name, build(name)])) as Record<UpstreamName, T>;
}

/** The audience of an internal token is the one worker that may accept it. */
export function audienceOf(upstream: UpstreamName): string {
  return upstream === "realtime" ? "playhead-realtime" : `playhead-${upstream}-bff`;
}

/** Answered by all of them to the gateway's readiness check; needs no token and reveals nothing. */
export const READY_PATH = "/readyz";

/** The two RateLimit headers of an answer. */
export interface QuotaHeaders {
  /** `"default";q=120;w=60` */
  readonly policy: string;
  /** `"default";r=57;t=12` */
  readonly limit: string;
}
