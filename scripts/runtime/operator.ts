import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shellQuote } from "./shell-quote.ts";

/** Who the launcher says may do everything. */
export interface OperatorLogin {
  readonly email: string;
  readonly password: string;
}

/** `unknown`: it could not be found out, because too many have just signed in. */
export type OperatorStanding = "operator" | "no operator" | "wrong password" | "unknown";

const TIMEOUT_MS = 5_000;

/**
 * Signs in as the operator to see whether it is one: the first time makes it, but an account that
 * was there before is never promoted. The session is ended again.
 */
export async function operatorStanding(
  url: string,
  { email, password }: OperatorLogin,
): Promise<OperatorStanding> {
  const post = (path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<Response> =>
    fetch(`${url}/v1/account/${path}`, {
      method: "POST",
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body && { body }),
    });
  try {
    const response = await post(
      "login",
      { "content-type": "application/json" },
      JSON.stringify({ email, password }),
    );
    if (response.status === 401) return "wrong password";
    if (!response.ok) return "unknown";
    const { accessToken, roles } = (await response.json()) as {
      accessToken: string;
      roles: readonly string[];
    };
    await post("logout", { authorization: `Bearer ${accessToken}` });
    return roles.includes("admin") ? "operator" : "no operator";
  } catch {
    return "unknown";
  }
}

/**
 * Leaves the login where a shell can take it from (`. operator.env`), readable by its owner only;
 * where there is no operator, nothing.
 */
export function writeOperatorEnv(
  stateDir: string,
  { email, password }: OperatorLogin,
  standing: OperatorStanding,
): string {
  const path = join(stateDir, "operator.env");
  if (standing === "no operator" || standing === "wrong password") rmSync(path, { force: true });
  else
    writeFileSync(path, `ADMIN_EMAIL=${shellQuote(email)}\nADMIN_PASSWORD=${shellQuote(password)}\n`, {
      mode: 0o600,
    });
  return path;
}
