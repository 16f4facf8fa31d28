import type { QuotaHeaders } from "../../../src/contracts/internal-request.ts";

const HEADERS: QuotaHeaders = { policy: '"default";q=120;w=60', limit: '"default";r=119;t=60' };

/** Says what a quota would say and counts nothing. */
export class ClientLimits {
  admit(): QuotaHeaders {
    return HEADERS;
  }
}

/** Never thrown. */
export class DeniedError extends Error {
  readonly quota = HEADERS;
}
