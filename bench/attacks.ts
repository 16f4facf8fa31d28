import { ApiClient } from "../testbed/clients/api-client.ts";
import { ATTACKS, FROM_MANY_ADDRESSES, type Target } from "../testbed/clients/attacks.ts";
import { ODD_ATTACKS } from "../testbed/clients/odd-attacks.ts";
import {
  bystanders,
  goAboutTheirBusiness,
  type Answered,
  type Bystander,
  type Deed,
} from "../testbed/clients/bystanders.ts";
import { OPERATOR, startWhole } from "./support/measured-platforms.ts";
import { median } from "./support/median.ts";

/** Tries of each kind; a hash and the rest after it take a fifth of a second. */
const TRIES = Number(process.env["BENCH_TRIES"] ?? 200);
const WARM_UP_TRIES = 3;
const PER_SECOND = 50;
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 8);
/** Of each kind; a turn is long enough for each user to log in and refresh once. */
const TURNS = 2;
const USERS = 8;
const DEEDS: readonly Deed[] = ["read", "report", "refresh", "login"];
const PASSWORD = "not the password";

/** What an attacker learns by a clock, and what an attack costs others. */
export async function run(): Promise<void> {
  await tellApart();
  await besideAttacks();
}

/**
 * Whether answers that say the same take the same time: three kinds of e-mail at login, two at
 * register, by turns.
 */
async function tellApart(): Promise<void> {
  const platform = await startWhole();
  const api = new ApiClient(platform.url);
  const known = "known@example.com";
  await api.call("POST", "/v1/account/register", {
    body: { email: known, password: PASSWORD.toUpperCase() },
  });
  const emails = { known, unknown: "nobody@example.com", "the operator's": OPERATOR.email };
  await compare(`login, wrong password (${TRIES} tries each)`, emails, (email) =>
    api.call("POST", "/v1/account/login", { body: { email, password: PASSWORD } }),
  );
  await compare(
    `register (${TRIES} tries each)`,
    { taken: known, "the operator's": OPERATOR.email },
    (email) => api.call("POST", "/v1/account/register", { body: { email, password: PASSWORD } }),
  );
  await platform.stop();
}

type Ask = (
  email: string,
) => Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;

async function compare(title: string, emails: Readonly<Record<string, string>>, ask: Ask): Promise<void> {
  const kinds = Object.entries(emails).map(([kind, email]) => ({
    kind,
    email,
    ms: [] as number[],
    answers: new Set<string>(),
  }));
  for (let round = -WARM_UP_TRIES; round < TRIES; round += 1) {
    // By turns, and each kind as often before the others as behind them.
    for (const of of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const startedAtMs = performance.now();
      const { status, body } = await ask(of.email);
      if (round >= 0) of.ms.push(performance.now() - startedAtMs);
      of.answers.add(`${status} ${String(body["code"])} ${String(body["detail"])}`);
    }
  }
  const base = median(kinds[0]?.ms ?? []);
  console.log(title);
  console.table(
    Object.fromEntries(
      kinds.map(({ kind, ms, answers }) => [
        kind,
        {
          "median ms": median(ms).toFixed(1),
          ratio: (median(ms) / base).toFixed(3),
          answers: [...answers].join(" | "),
        },
      ]),
    ),
  );
}

/**
 * Eight users' times, alone and under each attack by turns, with the limits that production has.
 * Each attack has a platform of its own: the one before has used up what limits there are.
 */
async function besideAttacks(): Promise<void> {
  console.log(
    `${USERS} users' answers in ms (median, 95 of 100), alone and beside ${PER_SECOND} a second of each kind, by turns, ${TURNS} of ${SECONDS / TURNS} s each`,
  );
  const rows: Record<string, Record<string, string | number>> = {};
  for (const attack of [...ATTACKS, FROM_MANY_ADDRESSES, ...ODD_ATTACKS]) {
    const platform = await startWhole({ rateLimitScale: 1 });
    const others = await bystanders(platform.url, USERS);
    const target = targetOf(platform.url, await bystanders(platform.url, 2, "involved"));
    const alone: Answered[] = [];
    const beside: Answered[] = [];
    const attackers: Record<string, number> = {};
    for (let turn = 0; turn < TURNS; turn += 1) {
      alone.push(...(await goAboutTheirBusiness(platform.url, others, SECONDS / TURNS)));
      const running = attack.start(target, PER_SECOND);
      beside.push(...(await goAboutTheirBusiness(platform.url, others, SECONDS / TURNS)));
      for (const [status, count] of Object.entries(await running.stop()))
        attackers[status] = (attackers[status] ?? 0) + count;
    }
    rows[`${attack.name}: alone`] = rowOf(alone);
    rows[`${attack.name}: beside`] = { ...rowOf(beside), "the attacker's": toldOf(attackers) };
    await platform.stop();
  }
  console.table(rows);
}

function rowOf(answers: readonly Answered[]): Record<string, string | number> {
  return {
    ...Object.fromEntries(
      DEEDS.map((deed) => [deed, timesOf(answers.filter((answer) => answer.deed === deed))]),
    ),
    refused: countsOf(
      answers.filter(({ status }) => status !== 200).map(({ deed, code }) => `${deed} ${String(code)}`),
    ),
    "put off once": answers.filter(({ wasPutOff }) => wasPutOff).length,
  };
}

function toldOf(statuses: Readonly<Record<string, number>>): string {
  return Object.entries(statuses)
    .map(([status, count]) => `${count} × ${status}`)
    .join(", ");
}

function targetOf(url: string, [attacker, victim]: readonly Bystander[]): Target {
  if (attacker === undefined || victim === undefined) throw new Error("nobody could be signed in");
  return { url, attacker, victimEmail: victim.email };
}

function countsOf(kinds: readonly string[]): string {
  return (
    Array.from(
      Map.groupBy(kinds, (kind) => kind),
      ([kind, { length }]) => `${length} × ${kind}`,
    ).join(", ") || "none"
  );
}

function timesOf(answers: readonly Answered[]): string {
  if (answers.length === 0) return "none";
  const sorted = answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return `${Math.round(median(sorted))}, ${Math.round(sorted[Math.floor(sorted.length * 0.95)] ?? 0)} of ${sorted.length}`;
}
