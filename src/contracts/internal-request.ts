/** What travels between the gateway and a BFF beside the client's request. Inbound copies from outside are never forwarded. */

export const INTERNAL_TOKEN_HEADER = "x-internal-token";
export const DEADLINE_HEADER = "x-deadline-ms";
export const REQUEST_ID_HEADER = "x-request-id";
export const TRACEPARENT_HEADER = "traceparent";

/** Issuer of the internal token; its audiences are the names of the workers. */
export const INTERNAL_ISSUER = "playhead-gateway";

/** Issuer and audience of the access tokens that clients hold. */
export const ACCESS_TOKEN_ISSUER = "playhead";
export const ACCESS_TOKEN_AUDIENCE = "playhead";
export const ACCESS_TOKEN_TTL_MS = 10 * 60_000;

/** The BFFs, by the name that routes and `/readyz` use. */
export const BFF_NAMES = ["account", "app", "ops"] as const;
export type BffName = (typeof BFF_NAMES)[number];

/** The audience of an internal token is the one worker that may accept it. */
export function audienceOf(bff: BffName): string {
  return `playhead-${bff}-bff`;
}

/** Answered by every BFF to the gateway's readiness check; needs no token and reveals nothing. */
export const READY_PATH = "/readyz";
