import { accountsEntrypoint } from "./service/accounts-entrypoint.ts";
import { administrationEntrypoint } from "./service/administration-entrypoint.ts";
import { trustEntrypoint } from "./service/trust-entrypoint.ts";
import { wire } from "./wire.ts";

export class Accounts extends accountsEntrypoint(wire) {}
export class Trust extends trustEntrypoint(wire) {}
export class Administration extends administrationEntrypoint(wire) {}

export default {
  fetch: () => new Response(null, { status: 404 }),
  scheduled: ({ scheduledTime }, env) => wire(env).sweep(scheduledTime),
} satisfies ExportedHandler<IdentityEnv>;
