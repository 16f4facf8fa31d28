import { accountsEntrypoint } from "./service/accounts-entrypoint.ts";
import { operationsEntrypoint } from "./service/operations-entrypoint.ts";
import { trustEntrypoint } from "./service/trust-entrypoint.ts";
import { wire } from "./wire.ts";

export class Accounts extends accountsEntrypoint(wire) {}
export class Trust extends trustEntrypoint(wire) {}
export class Operations extends operationsEntrypoint(wire) {}
/** Its name for an ops BFF of the release before; it goes with the next one. */
export class Administration extends operationsEntrypoint(wire) {}

export default {
  fetch: () => new Response(null, { status: 404 }),
  scheduled: ({ scheduledTime }, env) => wire(env).sweep(scheduledTime),
} satisfies ExportedHandler<IdentityEnv>;
