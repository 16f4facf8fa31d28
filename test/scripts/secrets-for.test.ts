import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { readWorkerConfigs, type WorkerConfig } from "../../scripts/runtime/worker-configs.ts";
import { secretsFor, withSecretsFile } from "../../scripts/tooling/secrets-for.ts";

const configs = readWorkerConfigs();
const secrets = makeSecrets();
const holdersOf = (secret: string): readonly string[] =>
  configs.filter((config: WorkerConfig) => secret in secretsFor(config, secrets)).map(({ name }) => name);

describe("the secrets of a deployment", () => {
  it("give the signing key to the gateway alone, and only public keys to whom it calls", () => {
    expect(holdersOf("GATEWAY_SIGNING_KEY")).toEqual(["playhead-gateway"]);
    expect(holdersOf("INTERNAL_JWKS").toSorted()).toEqual([
      "playhead-account-bff",
      "playhead-app-bff",
      "playhead-ops-bff",
      "playhead-realtime",
    ]);
    expect(secrets.INTERNAL_JWKS).not.toContain('"d"');
  });

  it("give the operator's login and the sealing key to identity alone", () => {
    for (const name of ["ADMIN_EMAIL", "ADMIN_PASSWORD", "KEY_ENCRYPTION_KEY"])
      expect(holdersOf(name)).toEqual(["playhead-identity"]);
  });

  it("give what a worker can do without to those who can use it, where it is there", () => {
    const withKafka = { ...secrets, UPSTASH_KAFKA_REST_PASSWORD: "secret" };
    const holders = configs.filter(
      (config) => "UPSTASH_KAFKA_REST_PASSWORD" in secretsFor(config, withKafka),
    );
    expect(holders.map(({ name }) => name).toSorted()).toEqual([
      "playhead-history",
      "playhead-savings",
      "playhead-wallet",
    ]);
    expect(holdersOf("UPSTASH_KAFKA_REST_PASSWORD")).toEqual([]);
  });

  it("are refused by worker and name where one is missing", () => {
    expect(() => configs.map((config) => secretsFor(config, {}))).toThrow(
      "playhead-gateway requires the secret GATEWAY_SIGNING_KEY",
    );
  });

  it("are refused with the rule where the operator's password is one that identity would not start with", () => {
    const wanted = (password: string) => () =>
      configs.map((config) => secretsFor(config, { ...secrets, ADMIN_PASSWORD: password }));
    expect(wanted("short")).toThrow("ADMIN_PASSWORD must have 10 to 200 characters");
    expect(wanted("")).not.toThrow();
  });

  it("lie in a file of their owner's, which is gone afterwards", async () => {
    const path = await withSecretsFile({ A: "1" }, async (file) => {
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ A: "1" });
      return file;
    });
    expect(existsSync(path)).toBe(false);
  });
});
