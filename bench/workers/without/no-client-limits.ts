import type { QuotaHeaders } from "../../../src/contracts/internal-request.ts";

const QUOTA: QuotaHeaders = { policy: '"default";q=120;w=60', limit: '"default";r=119;t=60' };
const ADMITTED = { kind: "admitted", quota: QUOTA } as const;

/** Says what a quota would say and counts nothing. */
export class ClientLimits {
  admit(): typeof ADMITTED {
    return ADMITTED;
  }
}
