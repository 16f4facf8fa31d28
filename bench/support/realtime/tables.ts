import { markdownTable } from "../../../testbed/cost/bill-table.ts";
import { median } from "../median.ts";
import type { Held } from "./hold-sockets.ts";
import type { Quantiles } from "../../../testbed/sockets/quantiles.ts";
import type { RoomsOfOne } from "./rooms-of-one.ts";
import type { ReportRate } from "./report-rates.ts";

/** First cells, by which documents find their tables. */
export const HELD = "sockets held";
export const ROOMS_OF_ONE = "rooms of one";
export const RATES = "reports in closed loops";

const count = (value: number): string => Math.round(value).toLocaleString("en");
const times = ({ p50, p99, max }: Quantiles): string =>
  `p50 ${count(p50)} ms, p99 ${count(p99)} ms, last ${count(max)} ms`;

/** What was held, and how pushes fared. */
export function heldTable(held: Held): string {
  const { afterSilence } = held;
  return markdownTable(
    [HELD, `${count(held.tcp + held.within)}, in ${held.comets} comets`],
    [
      ["over TCP, within the runtime", `${count(held.tcp)}, ${count(held.within)}`],
      ["opened and signed in a second", `${count(held.tcpPerSecond)}, ${count(held.withinPerSecond)}`],
      ["memory of the runtime, a socket over TCP", `${count(held.bytesPerSocket / 1_024)} KB`],
      ["closed without having been told to", count(held.lost)],
      ["a push to one room with all of them", times(held.roomPush)],
      ["… missed", count(held.roomPushMissed)],
      [
        "how often comets were made anew in 15 s of silence and by the push after it",
        `${count(afterSilence.madeAnew)} times, by ${count(afterSilence.alarms)} alarms and the push`,
      ],
      ["the push after it", times(afterSilence.roomPush)],
      [
        "… missed, online in the room",
        `${count(afterSilence.roomPushMissed)}, ${count(afterSilence.online)}`,
      ],
      [
        "a push to all with an op that half of them take: got by, meant for",
        `${count(afterSilence.subscribed.got)}, ${count(afterSilence.subscribed.expected)}`,
      ],
    ],
  );
}

/** A room for each socket, and a push to each room. */
export function roomsTable(rooms: RoomsOfOne): string {
  const calls = Object.entries(rooms.callsPerPush).filter(([, perPush]) => perPush > 0);
  const sum = calls.reduce((total, [, perPush]) => total + perPush, 0);
  return markdownTable(
    [ROOMS_OF_ONE, count(rooms.rooms)],
    [
      ["over TCP, within the runtime", `${count(rooms.tcp)}, ${count(rooms.within)}`],
      ["a push to each of them, pushes/s", count(rooms.perSecond)],
      ["… until it is there", times(rooms.waitedMs)],
      ["… missed", count(rooms.missed)],
      [
        "… calls of objects a push",
        `${sum.toFixed(2)}: ${calls.map(([name, perPush]) => `${name} ${perPush.toFixed(2)}`).join(", ")}`,
      ],
    ],
  );
}

/** Reports a second, each sent when the one before is durable. */
export function ratesTable(rates: readonly ReportRate[]): string {
  return markdownTable(
    [RATES, "reports/s", "µs CPU a report", "failed"],
    rates.map(({ name, perSecond, cpuUs, failures }) => [
      name,
      count(median(perSecond)),
      count(median(cpuUs)),
      count(failures),
    ]),
  );
}
