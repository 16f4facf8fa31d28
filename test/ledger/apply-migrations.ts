import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

const { MIGRATIONS } = env as unknown as { readonly MIGRATIONS: D1Migration[] };

await applyD1Migrations((env as unknown as LedgerEnv).LEDGER_DB, MIGRATIONS);
