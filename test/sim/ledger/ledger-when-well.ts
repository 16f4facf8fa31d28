import { must } from "../kernel/broken-invariant.ts";
import type { Cast } from "./ledger-trouble.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** What one machine puts off until a time, another one does by its own clock. */
export const SKEWED_MS = 1_200_000;

/**
 * Share of worlds in which somebody is frozen in the end: it takes a while, which others need not.
 */
const FREEZES = 0.3;

type RunFor = (ms: number) => Promise<void>;

/**
 * When all is well money moves, both ways, and not more than there is; what was deposited by
 * mistake is taken back; and, in some worlds, nothing moves where an account is frozen until it is
 * open again. Lives until all of it has come to its end. Answers what checks that it has been so.
 */
export async function liveWhenWell(cast: Cast, runFor: RunFor): Promise<() => void> {
  const { kernel } = cast.world;
  const user = kernel.pick(cast.model.users);
  await move(cast, user, runFor);
  if (!kernel.chance(FREEZES)) {
    await takeBack(cast, user, runFor);
    return () => checkMoved(cast, user);
  }
  const checkFrozen = await freeze(cast, user, runFor);
  await thaw(cast, user, runFor);
  return () => {
    checkMoved(cast, user);
    checkFrozen();
    checkThawed(cast, user);
  };
}

async function move({ model, clients, depositors }: Cast, user: string, runFor: RunFor): Promise<void> {
  depositors.deposit("wallet", user, "last", 500, 1);
  depositors.deposit("wallet", user, "last-wrong", 70, 1);
  await runFor(MINUTE_MS);
  const tooMuch = model.balance("wallet", user) + 1;
  clients.transfer("wallet", user, "last-too-much", tooMuch, 1);
  clients.transfer("wallet", user, "last-there", 123, 1);
  await runFor(MINUTE_MS);
  clients.transfer("savings", user, "last-back", 45, 1);
  await runFor(MINUTE_MS);
}

async function takeBack({ model, clients, depositors }: Cast, user: string, runFor: RunFor): Promise<void> {
  clients.transfer("wallet", user, "last-there", 123, 1);
  clients.transfer("savings", user, "last-back", 45, 1);
  depositors.reverse(model.deposit("wallet", user, "last-wrong"), 1);
  await runFor(SKEWED_MS);
}

/** Answers what holds while it is frozen, as callers were told then. */
async function freeze(
  { model, clients, depositors, operators }: Cast,
  user: string,
  runFor: RunFor,
): Promise<() => void> {
  operators.setState("wallet", user, "frozen");
  await runFor(SECOND_MS);
  clients.transfer("wallet", user, "last-there", 123, 1);
  clients.transfer("savings", user, "last-back", 45, 1);
  clients.transfer("wallet", user, "last-frozen", 7, 1);
  clients.transfer("wallet", user, "last-frozen-too-much", model.balance("wallet", user) + 1, 1);
  clients.transfer("savings", user, "last-into-frozen", 11, 1);
  depositors.deposit("wallet", user, "last-frozen", 30, 1);
  depositors.reverse(model.deposit("wallet", user, "last-wrong"), 1);
  await runFor(MINUTE_MS);
  const refused = ["last-frozen", "last-frozen-too-much"].map((key) => model.transfer("wallet", user, key));
  const isHeld = refused.every(
    (promised) => promised.forbidden > 0 && promised.transferId === null && !promised.isRejected,
  );
  const { booked } = model.deposit("wallet", user, "last-frozen");
  const { isReversed } = model.deposit("wallet", user, "last-wrong");
  return () => {
    must(isHeld, "a frozen account sends nothing, and no key is used up");
    must(booked === 0, "a frozen account takes no deposit");
    must(isReversed, "a deposit is taken back from a frozen account too");
  };
}

async function thaw({ clients, operators }: Cast, user: string, runFor: RunFor): Promise<void> {
  operators.setState("wallet", user, "open");
  await runFor(SECOND_MS);
  operators.redrive("savings", false, false);
  await runFor(SKEWED_MS);
  clients.transfer("wallet", user, "last-frozen", 7, 1);
  clients.transfer("savings", user, "last-into-frozen", 11, 1);
  await runFor(MINUTE_MS);
}

function checkMoved({ model }: Cast, user: string): void {
  must(model.deposit("wallet", user, "last").booked === 500, "a deposit is booked when all is well");
  must(model.deposit("wallet", user, "last-wrong").isReversed, "a deposit that is still there is taken back");
  must(model.transfer("wallet", user, "last-too-much").isRejected, "nobody sends more than they have");
  must(model.transfer("wallet", user, "last-there").ended === "settled", "money moves when all is well");
  must(model.transfer("savings", user, "last-back").ended === "settled", "money moves back when all is well");
}

function checkThawed({ model }: Cast, user: string): void {
  must(
    model.transfer("wallet", user, "last-frozen").ended === "settled",
    "money moves when an account is open again",
  );
  must(
    model.transfer("wallet", user, "last-frozen-too-much").isRejected,
    "who was frozen sends no more than they have",
  );
  must(
    model.transfer("savings", user, "last-into-frozen").ended === "settled",
    "money for a frozen account waits until it is open again",
  );
}
