import { describe, expect, it } from "vitest";
import { userIdSchema } from "../../src/contracts/identity.ts";
import {
  deliveryReportSchema,
  redriveWhichSchema,
  transfersPageSchema,
} from "../../src/contracts/ledger-arguments.ts";
import { redriveSchema } from "../../src/contracts/ledger-operators.ts";
import { outboxQuerySchema, transferIdSchema, transfersQuerySchema } from "../../src/contracts/ledger.ts";
import { deliverySchema, unreadableDeliverySchema } from "../../src/ledger/biz/delivery.ts";

const ID = "0190a1b2-c3d4-7000-8000-0000000000ab";
const CAPITALS = ID.toUpperCase();

describe("an id, however it is written, is compared as it is stored", () => {
  it.each([
    ["a user's", userIdSchema.parse(CAPITALS)],
    ["a transfer's", transferIdSchema.parse(CAPITALS)],
    ["a cursor of transfers", transfersQuerySchema.parse({ cursor: CAPITALS }).cursor],
    [
      "a cursor of transfers, between workers",
      transfersPageSchema.parse({ limit: 1, cursor: CAPITALS }).cursor,
    ],
    ["a cursor of messages", outboxQuerySchema.parse({ ledger: "wallet", cursor: CAPITALS }).cursor],
    ["a message to redrive", redriveSchema.parse({ ledger: "wallet", ids: [CAPITALS] }).ids?.[0]],
    [
      "a message to redrive, between workers",
      Object.values(redriveWhichSchema.parse({ ids: [CAPITALS] })).flat()[0],
    ],
    ["one in a report", deliveryReportSchema.parse({ transferId: CAPITALS, result: "void" }).transferId],
    [
      "one in an unreadable delivery",
      unreadableDeliverySchema.parse({ transferId: CAPITALS, attempt: 1 }).transferId,
    ],
    [
      "one in a delivery",
      deliverySchema.parse({
        v: 1,
        transferId: CAPITALS,
        from: "wallet",
        userId: "ann",
        amount: 1,
        attempt: 1,
      }).transferId,
    ],
  ])("%s", (_whose, parsed) => {
    expect(parsed).toBe(ID);
  });
});
