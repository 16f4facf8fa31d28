import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * The secret in a file that only its owner may read; a new one, if there is no file. One that is
 * somebody else's, or on a disk that can't be written, as containers are given them, stays as it
 * is.
 */
export function secretOfFile(path: string): string {
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    if (!["EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  return readFileSync(path, "utf8").trim();
}
