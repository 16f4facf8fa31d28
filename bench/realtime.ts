import { makeSecrets } from "../scripts/runtime/secrets.ts";
import { detailsTable } from "./support/cost/tables.ts";
import { quote } from "./support/quote.ts";
import { holdSockets } from "./support/realtime/hold-sockets.ts";
import { measureReportCpu } from "./support/realtime/report-cpu.ts";
import { meterReportPrices } from "./support/realtime/report-prices.ts";
import { measureReportRates, timesHttp } from "./support/realtime/report-rates.ts";
import { OVER_SOCKETS, socketBillTable } from "./support/realtime/socket-bill-table.ts";
import { pushToRoomsOfOne } from "./support/realtime/rooms-of-one.ts";
import { HELD, heldTable, RATES, ratesTable, ROOMS_OF_ONE, roomsTable } from "./support/realtime/tables.ts";

/** What of it is run, separated by commas. */
const PARTS = new Set((process.env["BENCH_PARTS"] ?? "hold,rooms,reports,cost").split(","));
const VIEWERS = Number(process.env["BENCH_VIEWERS"] ?? 2_000);
/** `BENCH_WRITE=1` writes the tables where they are quoted. */
const WRITES = process.env["BENCH_WRITE"] === "1";
const QUOTED_IN = "docs/design/realtime.md";
const TIMES_HTTP_MIN = 4;
const DOLLARS_MAX = 0.15;
const DOLLARS_OF = "sockets, 200/s";

/** What sockets hold, how fast they are, and what reports over them cost beside HTTP. */
export async function run(): Promise<void> {
  if (PARTS.has("hold")) {
    const held = await holdSockets();
    tell(HELD, heldTable(held));
  }
  if (PARTS.has("rooms")) {
    const rooms = await pushToRoomsOfOne();
    tell(ROOMS_OF_ONE, roomsTable(rooms));
  }
  if (PARTS.has("reports")) {
    const rates = await measureReportRates();
    tell(RATES, ratesTable(rates));
    console.log(`times the better of HTTP's: ${timesHttp(rates).toFixed(1)} (goal ≥ ${TIMES_HTTP_MIN})\n`);
  }
  if (PARTS.has("cost")) {
    const cpu = await measureReportCpu();
    const { billed, metered } = await meterReportPrices(makeSecrets(), VIEWERS, cpu);
    tell(OVER_SOCKETS, socketBillTable(billed));
    console.log(`${detailsTable(metered)}\n`);
    const total = billed.find(({ name }) => name === DOLLARS_OF)?.bill.total ?? Number.NaN;
    console.log(`${DOLLARS_OF}: ${total.toFixed(3)} dollars a million (goal ≤ ${DOLLARS_MAX})\n`);
  }
}

function tell(head: string, table: string): void {
  console.log(`${table}\n`);
  if (WRITES) quote(QUOTED_IN, { [head]: table });
}
