import { describe } from "vitest";
import { testEviction } from "../support/workers/evicted.ts";
import { env } from "./support/ledger-worker.ts";

describe("a ledger's publisher", () => {
  testEviction(env.PUBLISHER, () => "publisher", { wake: [Date.now() + 60_000] });
});
