import { LEDGERS, peerOf, type LedgerName } from "../../../src/contracts/ledger.ts";
import type { LedgerClients } from "./ledger-clients.ts";
import type { LedgerDepositors } from "./ledger-depositors.ts";
import type { LedgerModel } from "./ledger-model.ts";
import type { LedgerOperators } from "./ledger-operators.ts";
import { outboxOf } from "./ledger-rows.ts";
import type { DatabaseState } from "../kernel/sim-database.ts";
import type { LedgerWorld, SimLedger } from "./sim-ledger.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Trouble } from "../kernel/trouble.ts";

const NAMES = ["u-ann", "u-bob", "u-cyd", "u-dan", "u-eve"] as const;
const USERS_MIN = 2;
export const TROUBLE_MS = 90_000;
const OPERATIONS = 24;
const STATES = ["open", "open", "closed", "closed", "frozen", "frozen"] as const;
const OUTAGES_MAX = 2;
const OUTAGE_MS_MAX = 60_000;
const QUICK_MS_MAX = 10_000;
const SKEW_MS_MAX = 300_000;
/** Share of worlds whose clocks have readings a month ahead. */
const JUMPING = 0.3;

/** Everybody who plays a part in a world. */
export interface Cast {
  readonly world: LedgerWorld;
  readonly model: LedgerModel;
  readonly clients: LedgerClients;
  readonly depositors: LedgerDepositors;
  readonly operators: LedgerOperators;
}

export function drawUsers(kernel: Kernel): readonly string[] {
  return NAMES.slice(0, USERS_MIN + Math.floor(kernel.random() * (NAMES.length - USERS_MIN + 1)));
}

/** How wrong clocks are, and whether they have single readings that are far off. */
export function drawClocks(kernel: Kernel): { readonly skewMsMax: number; readonly jumps: boolean } {
  const jumps = kernel.chance(JUMPING);
  return { skewMsMax: jumps ? SKEW_MS_MAX : kernel.pick([0, SKEW_MS_MAX]), jumps };
}

export function drawTrouble(kernel: Kernel): Trouble {
  const often = kernel.pick([0, 0.02, 0.1, 0.3]);
  return {
    failsBefore: kernel.random() * often,
    failsAfter: kernel.random() * often,
    crashes: kernel.pick([0, 0.005, 0.02]),
    duplicates: kernel.pick([0, 0.2, 0.6]),
    lateEffects: kernel.pick([0, 0, 0.02, 0.15]),
    delayMsMax: kernel.pick([20, 500, 6_000]),
    storageThrows: kernel.pick([0, 0, 0.1]),
    alarmsLost: kernel.pick([0, 0, 0.2]),
  };
}

/** Small and large, round and odd. */
export function drawAmount(kernel: Kernel): number {
  return kernel.pick([
    1,
    40,
    81,
    1 + Math.floor(kernel.random() * 60),
    1 + Math.floor(kernel.random() ** 4 * 2 ** 40),
  ]);
}

/** Everything that is going to happen by itself in the usual profile. */
export function planTrouble(kernel: Kernel, cast: Cast): void {
  const { world, model, depositors } = cast;
  for (const [number, user] of model.users.entries())
    depositors.deposit("wallet", user, `first-${number}`, 80 + Math.floor(kernel.random() * 200));
  for (let number = 0; number < OPERATIONS; number += 1)
    kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "", () => operate(kernel, cast, number));
  for (let outages = Math.floor(kernel.random() * (OUTAGES_MAX + 1)); outages > 0; outages -= 1)
    kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "outage", () => outage(kernel, world));
}

function operate(kernel: Kernel, cast: Cast, number: number): void {
  const { world, model, clients, depositors, operators } = cast;
  const user = kernel.pick(model.users);
  const name = kernel.pick(LEDGERS);
  const kind = kernel.random();
  if (kind < 0.5) return transfer(kernel, clients, name, user, number);
  if (kind < 0.58) return deposit(kernel, depositors, user, number);
  if (kind < 0.62) return reverse(kernel, cast);
  if (kind < 0.7) return operators.setState(name, user, kernel.pick(STATES));
  if (kind < 0.8) return poison(kernel, world, operators, name);
  if (kind < 0.88) return operators.redrive(name, kernel.chance(0.7), kernel.chance(0.2));
  if (kind < 0.94) return park(kernel, operators);
  const under = outboxOf(world.ledgers[name]);
  for (const { id, state } of under) if (state === "parked" || kernel.chance(0.2)) operators.refund(name, id);
}

/** With a key of its own, or one that has been, with the same amount or another one. */
function transfer(
  kernel: Kernel,
  clients: LedgerClients,
  name: LedgerName,
  user: string,
  number: number,
): void {
  const isOld = kernel.chance(0.25);
  const key = `t${isOld ? number % 3 : number + 10}${kernel.chance(0.05) ? "" : `-${name}`}`;
  clients.transfer(name, user, key, isOld && kernel.chance(0.8) ? 40 : drawAmount(kernel));
}

function deposit(kernel: Kernel, depositors: LedgerDepositors, user: string, number: number): void {
  const isOld = kernel.chance(0.4);
  const key = `d${isOld ? number % 2 : number + 10}-${user}`;
  depositors.deposit(
    "wallet",
    user,
    key,
    isOld && kernel.chance(0.8) ? 70 : 10 + Math.floor(kernel.random() * 120),
  );
}

/**
 * What somebody knows to be booked, whatever has become of the money; now and then what is no
 * deposit.
 */
function reverse(kernel: Kernel, { model, depositors }: Cast): void {
  const booked = [...model.deposits.values()].filter(({ depositId }) => depositId !== null);
  if (kernel.chance(0.1)) depositors.reverseOther("wallet");
  else if (booked.length > 0) depositors.reverse(kernel.pick(booked));
}

/**
 * Holds messages back; at times somebody books their money back soon after, or two at once. They
 * may be in the queue already.
 */
function park(kernel: Kernel, operators: LedgerOperators): void {
  for (const ledger of LEDGERS) operators.park(ledger);
  const refunding = kernel.pick([0, 1, 2, 2]);
  kernel.after(Math.floor(kernel.random() * QUICK_MS_MAX), "", () => {
    for (let operator = 0; operator < refunding; operator += 1) operators.refundParked();
  });
}

/**
 * Messages that make no sense, and some of a newer version about what is under way: it is parked,
 * and operators are quick to refund it.
 */
function poison(
  kernel: Kernel,
  { ledgers }: LedgerWorld,
  operators: LedgerOperators,
  name: LedgerName,
): void {
  const newer = outboxOf(ledgers[name].peer).map(({ id, attempts }) => ({
    v: 2,
    transferId: id,
    attempt: attempts,
  }));
  ledgers[name].poisonWith([{ v: 99, nonsense: true }, null, "text", ...newer]);
  for (const { transferId } of newer)
    if (kernel.chance(0.5))
      kernel.after(Math.floor(kernel.random() * QUICK_MS_MAX), "", () =>
        operators.refund(peerOf(name), transferId),
      );
}

/** A ledger's database is away or hangs, its queue takes nothing, or nobody reaches it by RPC. */
export type Outage = Exclude<DatabaseState, "well" | "refuses"> | "deaf" | "cut off";

const OUTAGE_COUNTERS = {
  away: "database away",
  hangs: "database hung",
  deaf: "queue took nothing",
  "cut off": "other ledger out of reach",
} as const;

/** Begins an outage; the answer ends it. */
export function beginOutage({ counters }: LedgerWorld, ledger: SimLedger, outage: Outage): () => void {
  counters.note(OUTAGE_COUNTERS[outage]);
  if (outage === "cut off") ledger.isCutOff = true;
  else if (outage === "deaf") ledger.isDeaf = true;
  else ledger.database.state = outage;
  return () => endOutages(ledger);
}

export function endOutages(ledger: SimLedger): void {
  ledger.isCutOff = false;
  ledger.isDeaf = false;
  ledger.database.state = "well";
}

function outage(kernel: Kernel, world: LedgerWorld): void {
  const end = beginOutage(
    world,
    world.ledgers[kernel.pick(LEDGERS)],
    kernel.pick(["away", "hangs", "deaf", "cut off"]),
  );
  kernel.after(Math.floor(kernel.random() * OUTAGE_MS_MAX), "outage over", end);
}
