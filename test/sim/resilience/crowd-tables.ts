import { type CrowdScenario, simulateCrowd } from "./breaker-crowd.ts";

/** A call every two seconds: too few for an isolate to find out alone. */
const RPS = 0.5;
const DEAD = { fromMs: 130_000, untilMs: 210_000 };
const ENDS_AT_MS = 300_000;
const LIVES_MS = 300_000;
const MILLION = 1_000_000;

/** The scenario of the tables, changed in what is said. */
export const crowd = (changes: Partial<CrowdScenario> & Pick<CrowdScenario, "isolates">): CrowdScenario => ({
  seed: 1,
  rps: RPS,
  dead: DEAD,
  endsAtMs: ENDS_AT_MS,
  ...changes,
});

const CROWDS: readonly Pick<CrowdScenario, "isolates" | "livesMs" | "rps">[] = [
  { isolates: 1 },
  { isolates: 10 },
  { isolates: 100 },
  { isolates: 1_000 },
  { isolates: 1_000, rps: 4 },
  { isolates: 5_000 },
  { isolates: 1_000, livesMs: LIVES_MS },
  { isolates: 5_000, livesMs: LIVES_MS },
];

/** How one object fares with ever more isolates, as a table in markdown. */
export function breakerCrowdTable(): string {
  const rows = CROWDS.map((changes) => {
    const found = simulateCrowd(crowd(changes));
    return [
      count(changes.isolates),
      String(changes.rps ?? RPS),
      changes.livesMs === undefined ? "for ever" : `${changes.livesMs / 60_000} min`,
      count(found.worstWhileWell),
      count(found.worstSince),
      seconds(found.openedAfterMs),
      seconds(found.failFastAfterMs),
      seconds(found.backAfterMs),
      `${Math.round(found.leakedShare * 100)} %`,
    ];
  });
  return table(
    [
      "isolates",
      "calls/s of each",
      "lives",
      "reports/s while well",
      "from its death on",
      "open after",
      "99 % fail fast after",
      "99 % back after",
      "leak",
    ],
    rows,
  );
}

const BILLED = [1, 100, 1_000, 5_000];

/** What reports cost while all is well, before the object said how soon to come again and since. */
export function breakerCostTable(): string {
  const rows = BILLED.map((isolates) => {
    const perMillion = ([true, false] as const).map((isOfBefore) => {
      const { quietReports, quietCalls } = simulateCrowd({
        isolates,
        seed: 1,
        rps: RPS,
        isOfBefore,
        endsAtMs: DEAD.fromMs,
      });
      return (quietReports / quietCalls) * MILLION;
    });
    return [count(isolates), ...perMillion.map((reports) => count(Math.round(reports / 100) * 100))];
  });
  return table(["isolates", "reports a million calls before", "now"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

const count = (value: number): string => value.toLocaleString("en-US");
const seconds = (ms: number | null): string => (ms === null ? "–" : `${(ms / 1_000).toFixed(1)} s`);
