import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import type { DeliveryReport } from "../../../src/contracts/ledger.ts";
import type { LedgerSettlement } from "../../../src/contracts/ledger-entrypoints.ts";

let reports: DeliveryReport[] = [];
let isDown = false;
let fenceAnswer = "void";

/**
 * The other ledger as a test wants it: it hears reports, answers fences as told, and can be down.
 */
export class Settlement extends WorkerEntrypoint implements LedgerSettlement {
  async report(_ctx: CallContext, report: DeliveryReport): Promise<void> {
    if (isDown) throw new Error("the other ledger is down");
    reports.push(report);
  }

  async fence(): Promise<"credited" | "void"> {
    if (isDown) throw new Error("the other ledger is down");
    // Also what no ledger of this release says.
    return fenceAnswer as "credited" | "void";
  }

  async behave(how: { readonly down?: boolean; readonly fence?: string }): Promise<void> {
    isDown = how.down ?? false;
    fenceAnswer = how.fence ?? "void";
  }

  /** What it has heard since it was last asked. */
  async heard(): Promise<readonly DeliveryReport[]> {
    const heard = reports;
    reports = [];
    return heard;
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
