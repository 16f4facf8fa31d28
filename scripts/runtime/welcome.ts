import type { OperatorLogin, OperatorStanding } from "./operator.ts";
import { shellQuote } from "./shell-quote.ts";
import type { WorkerConfig } from "./worker-configs.ts";

interface Welcome {
  readonly url: string;
  /** Where goim's clients are listened to over TCP; null: nowhere. */
  readonly tcpPort: number | null;
  readonly stateDir: string;
  readonly logPath: string;
  readonly configs: readonly WorkerConfig[];
  readonly operator: OperatorLogin;
  readonly standing: OperatorStanding;
  /** File that sets `ADMIN_EMAIL` and `ADMIN_PASSWORD` in a shell. */
  readonly envPath: string;
}

/** Marks around the transcript, by which a test finds it. */
export const TRANSCRIPT_START = "# --- paste from here ---";
export const TRANSCRIPT_END = "# --- to here ---";

/** What a new user reads before `ready`: what is where, who may do what, and something to try. */
export function welcomeText(welcome: Welcome): string {
  const { url, tcpPort, stateDir, logPath, configs } = welcome;
  const workers = configs.map(({ name, path }) => `  ${name.padEnd(24)} ${path}`).join("\n");
  return `
Playhead runs on ${url}

${workers}

  goim      ${url.replace("http", "ws")}/sub${tcpPort === null ? "" : `  and over TCP 127.0.0.1:${tcpPort}`}
  state     ${stateDir}
  log       ${logPath}
  operator  ${operatorLine(welcome)}

Try it in a second terminal (bash):

${TRANSCRIPT_START}
${transcript(welcome)}
${TRANSCRIPT_END}
`;
}

/** An account that was there before is never made an operator, so it isn't called one. */
function operatorLine({ operator: { email, password }, standing, envPath }: Welcome): string {
  if (standing === "no operator")
    return `none: ${email} is an account already, and none is ever promoted; choose another ADMIN_EMAIL`;
  if (standing === "wrong password") {
    return `none: ${email} is an account already, with another password; set ADMIN_PASSWORD to it, or choose another ADMIN_EMAIL`;
  }
  return `${email}  ${password}\n            . ${shellQuote(envPath)}  sets ADMIN_EMAIL and ADMIN_PASSWORD`;
}

/** A user's first minutes as curl commands: from registering to what D1 holds. */
function transcript({ url, operator, standing }: Welcome): string {
  const viewer = `API=${url}
EMAIL="ada-$RANDOM@example.com"
json() { curl -s -H 'Content-Type: application/json' "$@"; echo; }
token() { sed -E 's/.*"accessToken":"([^"]+)".*/\\1/'; }
json "$API/v1/account/register" -d "{\\"email\\":\\"$EMAIL\\",\\"password\\":\\"correct horse battery\\"}"
TOKEN=$(json "$API/v1/account/login" -d "{\\"email\\":\\"$EMAIL\\",\\"password\\":\\"correct horse battery\\"}" | token)
json "$API/v1/history/reports" -H "Authorization: Bearer $TOKEN" -d '{"reports":[{"kind":"video","itemId":"big-buck-bunny","positionMs":61000,"durationMs":596000}]}'
json "$API/v1/history" -H "Authorization: Bearer $TOKEN"
json "$API/v1/history/continue" -H "Authorization: Bearer $TOKEN"
json "$API/v1/home" -H "Authorization: Bearer $TOKEN"`;
  if (standing === "no operator" || standing === "wrong password") return viewer;
  return `${viewer}
ADMIN=$(json "$API/v1/account/login" -d ${shellQuote(JSON.stringify(operator))} | token)
USER_ID=$(json "$API/v1/account/me" -H "Authorization: Bearer $TOKEN" | sed -E 's/.*"userId":"([^"]+)".*/\\1/')
json "$API/v1/ops/wallets/$USER_ID/deposits" -H "Authorization: Bearer $ADMIN" -H "Idempotency-Key: deposit-$USER_ID" -d '{"amount":10000}'
json "$API/v1/transfers" -H "Authorization: Bearer $TOKEN" -H 'Idempotency-Key: save-1' -d '{"from":"wallet","to":"savings","amount":2500}'
json "$API/v1/wallet" -H "Authorization: Bearer $TOKEN"
json -X POST "$API/v1/ops/history/flush" -H "Authorization: Bearer $ADMIN"
json "$API/v1/ops/overview" -H "Authorization: Bearer $ADMIN"`;
}
