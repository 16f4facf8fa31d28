import { readGoldenRecords, type GoldenRecord } from "../../fixtures/golden/golden-records.ts";

/** What one worker of the release before has heard, as a binding of a test inside the runtime. */
export function goldenBinding(worker: string): { readonly GOLDEN: string } {
  const own = readGoldenRecords().filter((record) => "worker" in record && record.worker === worker);
  return { GOLDEN: JSON.stringify(own, (_key, value: unknown) => (value === Infinity ? INFINITE : value)) };
}

/** What is in that binding. */
export function goldenRecords(env: object): readonly GoldenRecord[] {
  const { GOLDEN } = env as ReturnType<typeof goldenBinding>;
  return JSON.parse(GOLDEN, (_key, value: unknown) =>
    value === INFINITE ? Infinity : value,
  ) as readonly GoldenRecord[];
}

/** Not in JSON. */
const INFINITE = "beyond all numbers";
