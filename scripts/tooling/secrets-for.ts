import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { isOperatorPassword, OPERATOR_PASSWORD_RULE } from "../../src/contracts/identity.ts";
import { LaunchError } from "../runtime/launch-error.ts";
import { optionalSecretsOf } from "../runtime/optional-secrets.ts";
import type { WorkerConfig } from "../runtime/worker-configs.ts";

const secretsFileSchema = z.record(z.string(), z.string());

/** Reads `{"NAME": "value", …}`. Throws {@link LaunchError} where it is something else. */
export function readSecretsFile(path: string): Readonly<Record<string, string>> {
  try {
    return secretsFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new LaunchError(`${path} is not a JSON object of secrets by name`, { cause, exitCode: 2 });
  }
}

/**
 * The secrets that one worker requires or can use, and no other: nobody gets a key that isn't
 * theirs. Throws where a required one is missing, or would be refused by its worker.
 */
export function secretsFor(
  { name, config }: WorkerConfig,
  all: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const required = config.secrets?.required ?? [];
  const given = Object.fromEntries(
    required.map((secret) => {
      const value = all[secret];
      if (value === undefined)
        throw new LaunchError(`${name} requires the secret ${secret}, which the secrets file doesn't hold`, {
          exitCode: 2,
        });
      if (secret === "ADMIN_PASSWORD" && value !== "" && !isOperatorPassword(value)) {
        throw new LaunchError(`${secret} ${OPERATOR_PASSWORD_RULE}`, { exitCode: 2 });
      }
      return [secret, value];
    }),
  );
  return { ...optionalSecretsOf(name, all), ...given };
}

/**
 * Hands `use` the path of a file that holds the secrets and is readable by its owner only; it is
 * gone afterwards.
 */
export async function withSecretsFile<T>(
  secrets: Readonly<Record<string, string>>,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "playhead-secrets-"));
  try {
    const path = join(folder, "secrets.json");
    writeFileSync(path, JSON.stringify(secrets), { mode: 0o600 });
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
